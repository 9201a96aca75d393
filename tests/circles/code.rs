//! Reads Rust as far as arrows between files need it.

/// What is left of a file for whoever draws arrows: no comments, no texts, nothing that only tests compile.
pub(crate) fn code(text: &str) -> String {
    let mut code = String::new();
    let mut rest = without_comments_and_texts(text);
    while let Some(at) = rest.find("#[cfg(") {
        let end = at + closing(&rest[at..]);
        let is_for_tests = {
            let condition = rest[at..end].replace("not(test)", "");
            condition.split(|c: char| !c.is_alphanumeric()).any(|word| word == "test")
                && !condition.contains("any(test")
        };
        code.push_str(&rest[..at]);
        rest = rest[end..].to_owned();
        if is_for_tests {
            rest = rest[end_of_item(&rest)..].to_owned();
        }
    }
    code + &rest
}

fn without_comments_and_texts(text: &str) -> String {
    let mut code = String::new();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '/' if letters.peek() == Some(&'/') => {
                letters.by_ref().take_while(|letter| *letter != '\n').for_each(drop);
                code.push('\n');
            }
            '"' => {
                while let Some(letter) = letters.next() {
                    match letter {
                        '\\' => drop(letters.next()),
                        '"' => break,
                        _ => {}
                    }
                }
                code.push_str("\"\"");
            }
            // A letter, not a lifetime.
            '\'' => {
                let ahead: Vec<char> = letters.clone().take(2).collect();
                match ahead[..] {
                    ['\\', _] => {
                        letters.by_ref().take(2).for_each(drop);
                        letters.by_ref().take_while(|letter| *letter != '\'').for_each(drop);
                    }
                    [_, '\''] => letters.by_ref().take(2).for_each(drop),
                    _ => code.push(letter),
                }
            }
            letter => code.push(letter),
        }
    }
    code
}

/// Behind the bracket that closes the first one opened.
fn closing(text: &str) -> usize {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// Behind the item that begins here, perhaps with more attributes.
fn end_of_item(text: &str) -> usize {
    let mut at = 0;
    loop {
        let rest = text[at..].trim_start();
        at = text.len() - rest.len();
        if !rest.starts_with("#[") {
            break;
        }
        at += closing(rest);
    }
    let rest = &text[at..];
    let brace = rest.find('{').unwrap_or(rest.len());
    let semicolon = rest.find(';').unwrap_or(rest.len());
    // A `use` may have braces before its semicolon.
    if semicolon < brace || rest.starts_with("use ") {
        at + semicolon + 1
    } else {
        at + brace + closing(&rest[brace..])
    }
}

pub(crate) fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// `a::{b, c::d as e}` as its paths, each with the name that it brings.
pub(crate) fn leaves(tree: &str, before: &[String], into: &mut Vec<(Vec<String>, String)>) {
    let tree = tree.trim();
    if let Some(list) = tree.strip_prefix('{') {
        let list = list.strip_suffix('}').unwrap_or(list);
        let (mut depth, mut start) = (0, 0);
        for (at, letter) in list.char_indices().chain([(list.len(), ',')]) {
            match letter {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    leaves(&list[start..at], before, into);
                    start = at + 1;
                }
                _ => {}
            }
        }
        return;
    }
    if tree.is_empty() {
        return;
    }
    let (first, rest) = tree.split_once("::").unwrap_or((tree, ""));
    let (name, alias) = first.split_once(" as ").unwrap_or((first, first));
    let mut path = before.to_vec();
    if name.trim() != "self" || before.is_empty() {
        path.push(name.trim().to_owned());
    }
    match rest {
        "" if alias == "self" => into.push((path.clone(), path.last().cloned().unwrap_or_default())),
        "" => into.push((path, alias.trim().to_owned())),
        rest => leaves(rest, &path, into),
    }
}

/// The types' own `impl`s (of no trait): the name of the type and the block.
pub(crate) fn impls(code: &str) -> Vec<(String, &str)> {
    let mut impls = Vec::new();
    for (at, _) in code.match_indices("\nimpl") {
        let text = &code[at + "\nimpl".len()..];
        let Some(brace) = text.find('{') else { continue };
        let head = text[..brace].trim_start();
        let head = if head.starts_with('<') { &head[closing_angle(head)..] } else { head };
        if head.split_whitespace().any(|word| word == "for") {
            continue;
        }
        let name = head.trim_start().split(|c: char| !is_of_name(c)).next().unwrap_or_default();
        impls.push((name.to_owned(), &text[brace..brace + closing(&text[brace..])]));
    }
    impls
}

fn closing_angle(text: &str) -> usize {
    let mut depth = 0;
    for (at, letter) in text.char_indices() {
        match letter {
            '<' => depth += 1,
            '>' => {
                depth -= 1;
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    text.len()
}

/// The names that stand behind `before`.
pub(crate) fn names_after(code: &str, before: &str) -> Vec<String> {
    let ends = code.match_indices(before).map(|(at, _)| at + before.len());
    ends.map(|at| code[at..].chars().take_while(|c| is_of_name(*c)).collect()).collect()
}

/// What a file defines, of its own.
pub(crate) fn defined(code: &str) -> Vec<String> {
    let kinds = ["struct ", "enum ", "trait ", "type ", "fn ", "const ", "static ", "macro_rules! "];
    kinds.into_iter().flat_map(|kind| names_after(code, kind)).filter(|name| !name.is_empty()).collect()
}
