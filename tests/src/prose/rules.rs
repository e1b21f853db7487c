//! Checks of passages against the rules.

use toml::{Table, Value};

use super::passages::{Kind, Passage};

/// The phrases that have better replacements, and the words with which a function's documentation
/// does not begin.
#[derive(Clone, Debug)]
pub struct Phrases {
    phrases: Vec<Phrase>,
    not_verbs: Vec<String>,
    allowed_starts: Vec<String>,
}

#[derive(Clone, Debug)]
struct Phrase {
    spelled: Vec<String>,
    except: Vec<String>,
    instead: String,
}

/// A place where a rule is broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The line of the file on which the passage begins.
    pub line: usize,
    /// The broken rule, and a suggestion.
    pub problem: String,
    /// The sentence that breaks the rule.
    pub sentence: String,
}

/// Question words. A statement does not begin with them.
const ASKING: &[&str] =
    &["What", "Who", "Whoever", "Whose", "Whom", "Which", "Where", "How", "Why"];

/// Words that follow `How` in a quantity: `How many runs are active`.
const MEASURES: &[&str] = &["many", "much", "long", "often", "far", "large", "old", "fast"];

/// Indefinite subjects.
const NOBODIES: &[&str] = &[
    "who",
    "whoever",
    "whom",
    "whose",
    "what",
    "whatever",
    "somebody",
    "someone",
    "nobody",
    "one that",
    "one who",
    "those who",
    "no one",
];

/// Indefinite subjects that are reported inside a sentence too.
const NOBODIES_INSIDE: &[&str] = &["who", "whoever", "whom", "nobody", "somebody"];

impl Phrases {
    /// Parses the list of phrases.
    ///
    /// # Errors
    /// Returns a description of the first invalid entry.
    pub fn parse(text: &str) -> Result<Self, String> {
        let table: Table = text.parse().map_err(|e| format!("{e}"))?;
        let entries = table.get("phrase").and_then(Value::as_array).ok_or("no [[phrase]]")?;
        let phrases = entries.iter().map(|entry| {
            Some(Phrase {
                spelled: strings(entry.get("spelled")?)?,
                except: entry.get("except").map_or(Some(Vec::new()), strings)?,
                instead: entry.get("instead")?.as_str()?.to_owned(),
            })
        });
        let list = |name: &str| {
            let found = table.get("function").and_then(|table| table.get(name)).and_then(strings);
            found.ok_or_else(|| format!("no list `{name}` in [function]"))
        };
        Ok(Self {
            phrases: phrases
                .collect::<Option<_>>()
                .ok_or("a [[phrase]] lacks `spelled` or `instead`")?,
            not_verbs: list("not_verbs")?,
            allowed_starts: list("allowed_starts")?,
        })
    }
}

fn strings(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

/// Returns the places where a passage breaks the rules.
#[must_use]
pub fn findings(passage: &Passage, phrases: &Phrases) -> Vec<Finding> {
    let sentences = sentences(&plain(&passage.text));
    let mut found = Vec::new();
    let mut add = |problem: String, sentence: &str| {
        found.push(Finding { line: passage.line, problem, sentence: sentence.to_owned() });
    };
    let documents = matches!(passage.kind, Kind::Function | Kind::Item | Kind::Module);
    for (at, sentence) in sentences.iter().enumerate() {
        let beginning = (at == 0 && documents)
            .then(|| first_sentence(sentence, passage.kind, phrases))
            .flatten();
        let subject = || {
            let subject = nameless(sentence, passage.kind)?;
            Some(format!("`{subject}` as a subject: name the role or the thing"))
        };
        if let Some(problem) = beginning.or_else(subject) {
            add(problem, sentence);
        }
        let lower = sentence.to_lowercase();
        for phrase in &phrases.phrases {
            let allowed = phrase.except.iter().any(|except| has(&lower, except));
            let spelled = phrase.spelled.iter().find(|spelled| has(&lower, spelled));
            if let (Some(spelled), false) = (spelled, allowed) {
                add(format!("`{spelled}`: say {}", phrase.instead), sentence);
            }
        }
    }
    found
}

/// Returns the problem of the first sentence of documentation, if any.
fn first_sentence(sentence: &str, kind: Kind, phrases: &Phrases) -> Option<String> {
    let words: Vec<&str> = sentence.split_whitespace().map(bare).collect();
    let (first, second) = (*words.first()?, words.get(1).copied().unwrap_or_default());
    if words.len() == 1 {
        return Some("one word: say what it is".to_owned());
    }
    let measure = first == "How" && MEASURES.contains(&second);
    if kind == Kind::Function {
        let listed = |list: &[String]| list.iter().any(|word| word == first);
        let verb = first.ends_with('s') && first.chars().all(|c| c.is_alphabetic() || c == '-');
        if !listed(&phrases.allowed_starts) && (!verb || listed(&phrases.not_verbs)) {
            return Some(format!(
                "`{first}` begins a function's documentation: begin with a verb, as in `Returns`"
            ));
        }
    } else if ASKING.contains(&first) && !measure {
        return Some(format!("`{first}` begins documentation: begin with the noun"));
    }
    None
}

/// Returns the indefinite subject that begins a sentence or a part of it.
fn nameless(sentence: &str, kind: Kind) -> Option<&'static str> {
    if sentence.ends_with('?') {
        return None;
    }
    let starts = |text: &str, word: &str| {
        text.strip_prefix(word).is_some_and(|rest| rest.starts_with([' ', '\'']))
    };
    let lower = sentence.to_lowercase();
    // A table cell and a list item can be an incomplete sentence.
    let whole = kind == Kind::Message || sentence.starts_with(char::is_uppercase);
    let at_start = NOBODIES.iter().find(|word| whole && starts(&lower, word));
    let inside = || {
        let mut parts = lower.split("; ").skip(1);
        parts.find_map(|part| NOBODIES_INSIDE.iter().find(|word| starts(part, word)))
    };
    at_start.or_else(inside).copied()
}

/// Checks whether a text contains a phrase as whole words. Both are in lower case.
fn has(text: &str, phrase: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == '-');
    text.match_indices(phrase).any(|(at, _)| {
        !letter(text[..at].chars().next_back()) && !letter(text[at + phrase.len()..].chars().next())
    })
}

/// Removes the punctuation around a word.
fn bare(word: &str) -> &str {
    word.trim_matches(|c: char| c.is_ascii_punctuation() && c != '`')
}

/// Replaces inline code by `` `…` ``, and removes code blocks, emphasis and link targets.
fn plain(text: &str) -> String {
    let mut lines = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        } else if !in_code {
            lines.push(line);
        }
    }
    let text = lines.join("\n");
    let mut plain = String::new();
    for (number, part) in text.split('`').enumerate() {
        plain += if number % 2 == 0 { part } else { "`…`" };
    }
    let mut shown = String::new();
    let mut rest = &*plain;
    while let Some(at) = rest.find("](") {
        shown += &rest[..at];
        rest = rest[at..].find(')').map_or("", |end| &rest[at + end + 1..]);
    }
    shown += rest;
    shown.replace(['*', '[', ']'], "")
}

/// Returns the sentences of a text, each on one line.
fn sentences(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let blocks = text.split("\n\n").flat_map(|block| block.split("\n- ")).flat_map(|block| {
        // A heading in documentation, such as `# Errors`.
        let block = block.trim_start();
        match block.strip_prefix('#') {
            Some(_) => block.split_once('\n').map_or("", |(_, rest)| rest),
            None => block,
        }
        .split("\n|")
    });
    for block in blocks {
        let words: Vec<&str> = block.split_whitespace().collect();
        let mut sentence: Vec<&str> = Vec::new();
        for (at, word) in words.iter().enumerate() {
            sentence.push(word);
            let next = words.get(at + 1);
            let begins = next.is_none_or(|next| next.starts_with(|c: char| !c.is_lowercase()));
            let end = word.trim_end_matches([')', '"', '\'']);
            if end.ends_with(['.', '?', '!']) && begins {
                found.push(sentence.join(" "));
                sentence.clear();
            }
        }
        if !sentence.is_empty() {
            found.push(sentence.join(" "));
        }
    }
    found
}
