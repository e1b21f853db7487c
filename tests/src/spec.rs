//! Requirements in `docs/spec.md`, and the citations of them in code and pages.

use std::collections::{BTreeMap, BTreeSet};

use crate::source::Source;

/// The status of a requirement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It is implemented, and a test proves it.
    Built,
    /// It has neither code nor test yet.
    Planned,
}

/// A place that cites a requirement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Citation {
    /// The cited id, valid or not.
    pub id: String,
    /// The file and line of the citation.
    pub place: String,
    /// Whether the citation counts as proof.
    pub proof: bool,
}

/// Parses the requirements.
///
/// # Errors
/// Returns a description of every malformed requirement, every duplicate id, and every part whose
/// whole is a requirement too.
pub fn requirements(text: &str) -> Result<BTreeMap<String, Status>, Vec<String>> {
    let (mut found, mut problems) = (BTreeMap::new(), Vec::new());
    for (number, line) in text.lines().enumerate() {
        if !line.trim_start().starts_with("- **") {
            continue;
        }
        let Some((id, status)) = requirement(line) else {
            problems.push(format!("line {}: not a requirement: {line}", number + 1));
            continue;
        };
        if found.insert(id.to_owned(), status).is_some() {
            problems.push(format!("line {}: duplicate id {id}", number + 1));
        }
    }
    for id in found.keys().filter(|id| family(id) != id.as_str()) {
        if found.contains_key(family(id)) {
            problems.push(format!("{id} is a part of {}, which is a requirement", family(id)));
        }
    }
    if problems.is_empty() { Ok(found) } else { Err(problems) }
}

/// Parses `- **W2a** *(built)* text`.
fn requirement(line: &str) -> Option<(&str, Status)> {
    let (id, rest) = line.strip_prefix("- **")?.split_once("** ")?;
    let (status, text) = rest.strip_prefix("*(")?.split_once(")* ")?;
    let status = match status {
        "built" => Status::Built,
        "planned" => Status::Planned,
        _ => return None,
    };
    (is_id(id) && text.ends_with('.')).then_some((id, status))
}

/// Checks whether a text is an id: a capital letter, a number, and optionally a small letter.
fn is_id(text: &str) -> bool {
    let digits = family(text).strip_prefix(|c: char| c.is_ascii_uppercase()).unwrap_or_default();
    !digits.is_empty() && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
}

/// Returns the id without the letter of its part.
fn family(id: &str) -> &str {
    id.strip_suffix(|c: char| c.is_ascii_lowercase()).unwrap_or(id)
}

/// Returns the citations of a Rust file. In a conformance suite, public async functions count as
/// proof like tests.
#[must_use]
pub fn citations(path: &str, text: &str) -> Vec<Citation> {
    let source = Source::new(text);
    let mut proofs = source.tests();
    if path.contains("src/testing/conformance") {
        proofs.extend(source.public_async_functions());
    }
    cited_in(&source.comments)
        .into_iter()
        .map(|(at, id)| Citation {
            id,
            place: format!("{path}:{}", source.line(at)),
            proof: proofs.iter().any(|range| range.contains(&at)),
        })
        .collect()
}

/// Returns the citations of a text that is not code. They never count as proof.
#[must_use]
pub fn mentions(path: &str, text: &str) -> Vec<Citation> {
    cited_in(text)
        .into_iter()
        .map(|(at, id)| {
            let line = text[..at].matches('\n').count() + 1;
            Citation { id, place: format!("{path}:{line}"), proof: false }
        })
        .collect()
}

/// Returns every id after the mark with its position. Every word in the form of an id counts, valid
/// or not.
fn cited_in(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (at, mark) in text.match_indices("spec: ") {
        if text[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let mut rest = &text[at + mark.len()..];
        loop {
            let length = rest.bytes().take_while(u8::is_ascii_alphanumeric).count();
            let (word, after) = rest.split_at(length);
            let mut bytes = word.bytes();
            let letter = bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic());
            if !letter || !bytes.next().is_some_and(|byte| byte.is_ascii_digit()) {
                break;
            }
            found.push((at, word.to_owned()));
            let Some(next) = after.strip_prefix(", ") else {
                break;
            };
            rest = next;
        }
    }
    found
}

/// Returns the contradictions between requirements and citations.
#[must_use]
pub fn problems(requirements: &BTreeMap<String, Status>, citations: &[Citation]) -> Vec<String> {
    let mut problems = Vec::new();
    let families: BTreeSet<&str> = requirements.keys().map(|id| family(id)).collect();
    for Citation { id, place, proof } in citations {
        match (requirements.get(id), *proof) {
            (Some(Status::Planned), true) => {
                problems.push(format!("{place}: a test cites {id}, which is planned"));
            }
            (None, true) if families.contains(&**id) => {
                problems
                    .push(format!("{place}: a test cites {id}, which has parts: cite one part"));
            }
            (None, _) if !families.contains(&**id) => {
                problems.push(format!("{place}: {id} is not a requirement"));
            }
            _ => {}
        }
    }
    for (id, _) in requirements.iter().filter(|(_, status)| **status == Status::Built) {
        let mut cited = citations.iter().filter(|citation| citation.id == *id);
        if cited.clone().any(|citation| citation.proof) {
            continue;
        }
        let elsewhere = cited.next().map_or_else(String::new, |citation| {
            format!("; the citation at {} is not in a test", citation.place)
        });
        problems.push(format!("{id} is built and no test cites it{elsewhere}"));
    }
    problems
}
