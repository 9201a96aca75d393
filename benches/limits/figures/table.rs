//! A figure and its limit, as a line between processes and as a line for people.

/// What was measured, what may be at most, and whether it is.
pub struct Row {
    what: String,
    figure: String,
    limit: String,
    pub is_within: bool,
}

/// Tells a figure that must be `most` at most.
pub fn at_most(what: &str, figure: f64, most: f64, unit: &str) {
    let shown = |number: f64| match number.abs() {
        0.0..10.0 if number.fract() != 0.0 => format!("{number:.3} {unit}"),
        _ => format!("{number:.0} {unit}"),
    };
    tell(what, shown(figure), format!("at most {}", shown(most)), figure <= most);
}

/// Tells a figure that has no limit of its own.
pub fn note(what: &str, figure: String) {
    tell(what, figure, String::new(), true);
}

pub fn tell(what: &str, figure: String, limit: String, is_within: bool) {
    println!("{MARK}\t{what}\t{figure}\t{limit}\t{is_within}");
}

pub fn head() {
    Row { what: "what".into(), figure: "figure".into(), limit: "limit".into(), is_within: true }.show();
}

impl Row {
    pub fn parse(line: &str) -> Option<Self> {
        let fields: Vec<&str> = line.split('\t').collect();
        let [MARK, what, figure, limit, is_within] = fields[..] else { return None };
        Some(Self {
            what: what.to_owned(),
            figure: figure.to_owned(),
            limit: limit.to_owned(),
            is_within: is_within == "true",
        })
    }

    pub fn show(&self) {
        let verdict = if self.is_within { "" } else { "OVER" };
        println!("{:<74} {:>20}  {:<22} {verdict}", self.what, self.figure, self.limit);
    }
}

const MARK: &str = "figure";
