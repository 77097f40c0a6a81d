//! `lxcfs-cli explain`: for each line of a virtual file, what it is made from, and which file decided it.

use std::io::Write;

use lxcfs_core::explain::{ExplainedFact, ExplainedLine, Explanation, explain as explain_file};
use serde_json::{Value, json};

use crate::args::Explain;
use crate::failure::Failure;
use crate::list::{table, write_table};
use crate::render::{about, find};
use crate::subject::Subject;

pub(crate) fn explain(explain: &Explain, out: &mut dyn Write) -> Result<(), Failure> {
    let place = find(&explain.file)?;
    let subject = Subject::of(&explain.whose)?;
    let explanation = explain_file(&place, &subject.view(explain.policies.options()))?;
    if explain.json {
        let mut object = about(&place, subject.container());
        object.insert("facts", explanation.facts.iter().map(fact_as_json).collect());
        object.insert("lines", explanation.lines.iter().map(line_as_json).collect());
        return Ok(writeln!(out, "{:#}", json!(object))?);
    }
    print(&explanation, out)
}

fn print(explanation: &Explanation, out: &mut dyn Write) -> Result<(), Failure> {
    if !explanation.facts.is_empty() {
        let mut facts = table(["FACT", "VALUE", "LEVEL", "FILE"]);
        for one in &explanation.facts {
            let row = match &one.evidence {
                Some(evidence) => [
                    one.fact.name().to_owned(),
                    evidence.value.clone(),
                    level(evidence.levels_up),
                    evidence.file.display().to_string(),
                ],
                None => [
                    one.fact.name().to_owned(),
                    "not confined".to_owned(),
                    "host".to_owned(),
                    String::new(),
                ],
            };
            facts.add_row(row);
        }
        write_table(&facts, out)?;
        writeln!(out)?;
    }
    let mut lines = table(["LINE", "CLASS", "HOW"]);
    for line in &explanation.lines {
        let (class, how) = line
            .meaning
            .map_or(("host", "nothing confines the container: the host's own"), |line| {
                (line.class.name(), line.formula)
            });
        lines.add_row([shortened(&line.text), class.to_owned(), how.to_owned()]);
    }
    write_table(&lines, out)
}

/// Which cgroup it is on the way up.
fn level(levels_up: Option<usize>) -> String {
    match levels_up {
        None => "host".to_owned(),
        Some(0) => "own cgroup".to_owned(),
        Some(1) => "parent cgroup".to_owned(),
        Some(levels) => format!("{levels} cgroups up"),
    }
}

/// The beginning of a long line (`flags` of cpuinfo has a thousand characters), tabs as spaces.
fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let text = text.replace('\t', " ");
    match text.char_indices().nth(MOST).and_then(|(end, _)| text.get(..end)) {
        Some(beginning) => format!("{beginning}…"),
        None => text,
    }
}

fn fact_as_json(one: &ExplainedFact) -> Value {
    let evidence = one.evidence.as_ref();
    json!({
        "fact": one.fact.name(),
        "file": evidence.map(|it| it.file.display().to_string()),
        "levels_up": evidence.and_then(|it| it.levels_up),
        "value": evidence.map(|it| &it.value),
    })
}

fn line_as_json(one: &ExplainedLine) -> Value {
    json!({
        "text": one.text,
        "key": one.meaning.map(|line| line.key),
        "class": one.meaning.map(|line| line.class.name()),
        "from": one.meaning.map(|line| line.from.iter().map(|fact| fact.name()).collect::<Vec<_>>()),
        "formula": one.meaning.map(|line| line.formula),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_cut_at_a_character() {
        assert_eq!(shortened("MemTotal:\t1 kB"), "MemTotal: 1 kB");
        assert_eq!(shortened(&"ä".repeat(61)), format!("{}…", "ä".repeat(60)));
    }
}
