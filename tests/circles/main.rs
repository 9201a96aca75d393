//! No files import each other in a circle: whoever reads one can stop there.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

mod code;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use code::{code, defined, impls, is_of_name, leaves, names_after};

/// A file of `src`, by the path of its module: `client::node`; the root is empty.
type Module = Vec<String>;

/// Of each type, by its file and name: in which file each of its own methods stands.
type Methods = BTreeMap<(Module, String), BTreeMap<String, Module>>;

struct Graph {
    files: BTreeMap<Module, PathBuf>,
    code: BTreeMap<Module, String>,
    /// What each file passes on under a name.
    passed_on: BTreeMap<Module, BTreeMap<String, Module>>,
}

impl Graph {
    fn of(texts: impl IntoIterator<Item = (PathBuf, String)>) -> Self {
        let mut graph = Self { files: BTreeMap::new(), code: BTreeMap::new(), passed_on: BTreeMap::new() };
        for (path, text) in texts {
            let relative = path.with_extension("");
            let mut module: Module = relative.iter().map(|part| part.to_str().unwrap().to_owned()).collect();
            module.retain(|part| part != "mod" && part != "lib");
            graph.code.insert(module.clone(), code(&text));
            graph.files.insert(module, path);
        }
        // A file that nobody declares outside of tests is one of them, and so is what lies below it.
        let declared = |module: &Module| {
            (0..module.len()).all(|depth| {
                let code = &graph.code[&module[..depth]];
                code.contains(&format!("mod {};", module[depth]))
            })
        };
        let real: BTreeSet<Module> = graph.files.keys().filter(|module| declared(module)).cloned().collect();
        graph.files.retain(|module, _| real.contains(module));
        graph.code.retain(|module, _| real.contains(module));
        for module in &real {
            let mut passed_on = BTreeMap::new();
            for (public, path, name) in graph.uses(module) {
                if !public {
                    continue;
                }
                match &path[..] {
                    [from @ .., all] if all == "*" => {
                        let names = graph.code.get(from).map(|code| defined(code)).unwrap_or_default();
                        passed_on
                            .extend(names.into_iter().map(|name| (name.clone(), [from, &[name]].concat())));
                    }
                    _ => drop(passed_on.insert(name, path)),
                }
            }
            graph.passed_on.insert(module.clone(), passed_on);
        }
        graph
    }

    /// What a file's `use` lines name, from the root on: whether it is passed on, the path, the name.
    fn uses(&self, module: &Module) -> Vec<(bool, Module, String)> {
        let code = &self.code[module];
        let mut uses = Vec::new();
        for (at, _) in code.match_indices("use ") {
            let before = &code[..at];
            if before.ends_with(is_of_name) {
                continue;
            }
            let line = before.rsplit(['\n', ';', '}']).next().unwrap_or_default().trim();
            let end = at + code[at..].find(';').unwrap_or_default();
            let tree = code[(at + 4).min(end)..end].split_whitespace().collect::<Vec<_>>().join(" ");
            let tree = tree.replace("{ ", "{").replace(" }", "}");
            let mut paths = Vec::new();
            leaves(&tree, &[], &mut paths);
            for (path, name) in paths {
                if let Some(path) = self.absolute(module, &path) {
                    uses.push((line.starts_with("pub"), path, name));
                }
            }
        }
        uses
    }

    fn absolute(&self, module: &Module, path: &[String]) -> Option<Module> {
        let mut absolute = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => module.clone(),
            "super" => module[..module.len().checked_sub(1)?].to_vec(),
            child => {
                let child = [&module[..], &[child.to_owned()]].concat();
                self.files.contains_key(&child).then_some(child)?
            }
        };
        for part in &path[1..] {
            match part.as_str() {
                "super" => drop(absolute.pop()),
                part => absolute.push(part.to_owned()),
            }
        }
        Some(absolute)
    }

    /// The file in which stands what `path` names, through all that pass it on.
    fn home(&self, path: &[String], depth: usize) -> Option<Module> {
        let file = (0..=path.len()).rev().map(|length| &path[..length]);
        let file = file.into_iter().find(|file| self.files.contains_key(*file))?.to_vec();
        let Some(name) = path.get(file.len()) else { return Some(file) };
        let next = match self.passed_on[&file].get(name) {
            Some(next) if depth > 0 => [&next[..], &path[file.len() + 1..]].concat(),
            _ => return Some(file),
        };
        self.home(&next, depth - 1)
    }

    /// Whose contents a file names, with what it only passes on left out, and whose methods it calls on the type that it
    /// has a part of itself.
    fn arrows(&self, module: &Module, methods: &Methods) -> BTreeSet<Module> {
        let body = self.body(module);
        let mut paths: Vec<Module> = self
            .uses(module)
            .into_iter()
            .filter(|(public, _, name)| !public || self.is_used(module, name))
            .map(|(_, path, _)| path)
            .collect();
        // Paths in the midst of the code.
        for (at, _) in body.match_indices("::") {
            let start = body[..at].rfind(|c: char| !is_of_name(c)).map_or(0, |start| start + 1);
            if body[..start].ends_with("::") || start == at {
                continue;
            }
            let path = body[start..].split(|c: char| !is_of_name(c) && c != ':').next().unwrap_or_default();
            let path: Module = path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect();
            paths.extend(self.absolute(module, &path));
        }
        let homes = paths.iter().filter_map(|path| self.home(path, 8));
        let methods = impls(&self.code[module]).into_iter().flat_map(|(name, block)| {
            let of_type = self.home_of_name(module, &name).and_then(|home| methods.get(&(home, name)));
            let called = ["self.", "Self::"].into_iter().flat_map(|before| names_after(block, before));
            called.filter_map(|called| of_type?.get(&called).cloned()).collect::<Vec<_>>()
        });
        homes.chain(methods).filter(|home| home != module && !home.is_empty()).collect()
    }

    /// Whether the file has a use of its own for what it passes on.
    fn is_used(&self, module: &Module, name: &str) -> bool {
        let body = self.body(module).replace(&format!("mod {name};"), "");
        body.split(|c: char| !is_of_name(c)).any(|word| word == name)
    }

    /// A file without its `use` lines.
    fn body(&self, module: &Module) -> String {
        let (mut body, mut rest) = (String::new(), &self.code[module][..]);
        while let Some(at) = rest.find("use ") {
            let is_word = !rest[..at].ends_with(is_of_name);
            let end = if is_word { at + rest[at..].find(';').unwrap_or_default() + 1 } else { at + 4 };
            body.push_str(if is_word { &rest[..at] } else { &rest[..end] });
            rest = &rest[end..];
        }
        body + rest
    }

    fn methods(&self) -> Methods {
        let mut methods = Methods::new();
        for module in self.files.keys() {
            for (name, block) in impls(&self.code[module]) {
                let Some(home) = self.home_of_name(module, &name) else { continue };
                let of_type = methods.entry((home, name)).or_default();
                for method in names_after(block, "fn ") {
                    of_type.insert(method, module.clone());
                }
            }
        }
        methods
    }

    /// Where the type stands that is called so in this file.
    fn home_of_name(&self, module: &Module, name: &str) -> Option<Module> {
        let brought = self.uses(module).into_iter().find(|(_, _, brought)| brought == name);
        brought.map_or_else(|| Some(module.clone()), |(_, path, _)| self.home(&path, 8))
    }
}

/// The sets of files each of which leads to all others of its set.
fn circles(arrows: &BTreeMap<Module, BTreeSet<Module>>) -> Vec<BTreeSet<Module>> {
    let reach = |from: &Module| {
        let (mut seen, mut left) = (BTreeSet::new(), vec![from.clone()]);
        while let Some(next) = left.pop() {
            for to in arrows.get(&next).into_iter().flatten() {
                if seen.insert(to.clone()) {
                    left.push(to.clone());
                }
            }
        }
        seen
    };
    let reached: BTreeMap<&Module, BTreeSet<Module>> =
        arrows.keys().map(|from| (from, reach(from))).collect();
    let mut circles = Vec::new();
    for (from, to) in &reached {
        if to.contains(*from) {
            let circle: BTreeSet<Module> = to
                .iter()
                .filter(|other| reached.get(other).is_some_and(|back| back.contains(*from)))
                .cloned()
                .collect();
            if !circles.contains(&circle) {
                circles.push(circle);
            }
        }
    }
    circles
}

fn told(graph: &Graph) -> (usize, String) {
    let methods = graph.methods();
    let arrows: BTreeMap<Module, BTreeSet<Module>> =
        graph.files.keys().map(|module| (module.clone(), graph.arrows(module, &methods))).collect();
    let mut told = String::new();
    for circle in circles(&arrows) {
        told.push_str(&format!("{} files:\n", circle.len()));
        for module in &circle {
            let to = arrows[module].iter().filter(|to| circle.contains(*to));
            let to: Vec<String> = to.map(|to| graph.files[to].display().to_string()).collect();
            told.push_str(&format!("  {} -> {}\n", graph.files[module].display(), to.join(", ")));
        }
    }
    (arrows.values().map(BTreeSet::len).sum(), told)
}

/// Who reads one of two files that import from each other must read the other, too, and so if parts of one type stand in
/// both and call each other. What a file only passes on is no import, and what is imported from who passes it on is
/// imported from where it stands.
#[test]
fn no_files_import_each_other_in_a_circle() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    let texts = paths
        .iter()
        .map(|path| (path.strip_prefix(&src).unwrap().to_owned(), std::fs::read_to_string(path).unwrap()));
    let (arrows, told) = told(&Graph::of(texts));
    assert!(arrows > 200, "this test reads nothing: {arrows} arrows");
    assert!(told.is_empty(), "files that import each other in circles:\n{told}");
}

#[test]
fn what_is_a_circle_and_what_is_none() {
    let told = |texts: &[(&str, &str)]| {
        let texts = texts.iter().map(|(path, text)| (PathBuf::from(path), (*text).to_owned()));
        told(&Graph::of([(PathBuf::from("lib.rs"), "mod a;\nmod t;".to_owned())].into_iter().chain(texts))).1
    };
    let root = ("a/mod.rs", "mod b;\nmod c;\npub(crate) use b::B;\npub(crate) use self::c::*;");
    // Through who passes on, through a path in the code, through parts of one type.
    for (b, c) in [
        ("use super::C;\nstruct B(C);", "use crate::a::B;\nstruct C(B);"),
        ("use super::c::{C, D as E};\nstruct B(C);", "struct C;\nfn d() { super::b::e() }"),
        (
            "struct B;\nimpl B {\n    fn b(&self) { self.c() }\n}",
            "use super::B;\nimpl B {\n    pub(super) fn c(&self) {}\n}",
        ),
    ] {
        assert!(told(&[root, ("a/b.rs", b), ("a/c.rs", c)]).contains("2 files"), "{b}\n{c}");
    }
    // A child of who passes it on, tests, words in comments and texts.
    for (b, c) in [
        ("struct B;", "use super::B;\nstruct C(B);"),
        ("struct B;\n#[cfg(test)]\nmod tests {\n    use crate::a::C;\n}", "use super::B;\nstruct C(B);"),
        ("struct B;\n// super::C\nconst S: &str = \"super::C\";", "use super::B;\nstruct C(B);"),
    ] {
        assert_eq!(told(&[root, ("a/b.rs", b), ("a/c.rs", c)]), "", "{b}\n{c}");
    }
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}
