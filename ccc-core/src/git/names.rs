//! The check of the names in a change (spec: X6b, X7, X17b).

use std::collections::BTreeMap;

use super::Refusal;
use super::diff_index::Record;
use crate::file_name::{Deception, deception};
use crate::observe::Redactor;
use crate::policy::{Protection, TrustPolicy};

/// Checks the names in `records`. Returns a refusal if a name is not printable UTF-8, if it deceives
/// a reader, or if `policy` protects it.
pub(super) fn check_names(
    records: &[Record],
    policy: &TrustPolicy,
    redactor: &Redactor,
) -> Option<Refusal> {
    let refuse = |reason: &str, paths: &[&[u8]]| {
        (!paths.is_empty()).then(|| Refusal::new(reason, paths, redactor))
    };
    let (mut unprintable, mut protected) = (Vec::new(), BTreeMap::<Protection, Vec<&[u8]>>::new());
    let (mut reordered, mut invisible, mut spaced) = (Vec::new(), Vec::new(), Vec::new());
    for record in records {
        let bytes = record.path.as_slice();
        let Ok(path) = std::str::from_utf8(bytes) else {
            unprintable.push(bytes);
            continue;
        };
        if path.chars().any(char::is_control) {
            unprintable.push(bytes);
        }
        match deception(path) {
            Some(Deception::Order) => reordered.push(bytes),
            Some(Deception::Invisible) => invisible.push(bytes),
            Some(Deception::WhiteSpace) => spaced.push(bytes),
            None => {}
        }
        if let Some(protection) = policy.protection(path, record.new_mode == "120000") {
            protected.entry(protection).or_default().push(bytes);
        }
    }
    refuse("the agent's changes contain file names that are not printable UTF-8", &unprintable)
        .or_else(|| {
            let reason = "the agent's changes contain file names with characters that change the \
                          order of the displayed text: rename these files";
            refuse(reason, &reordered)
        })
        .or_else(|| {
            let reason = "the agent's changes contain file names with characters that are not \
                          displayed: rename these files";
            refuse(reason, &invisible)
        })
        .or_else(|| {
            let reason = "the agent's changes contain file names that begin or end with white \
                          space: rename these files";
            refuse(reason, &spaced)
        })
        .or_else(|| {
            let paths: Vec<&[u8]> = protected.values().flatten().copied().collect();
            refuse(&protected_reason(protected.keys().copied()), &paths)
        })
}

/// Returns the reason for the refusal of a change that touches protected files. The reason names
/// the classes and the possible next steps.
pub(super) fn protected_reason(protections: impl Iterator<Item = Protection>) -> String {
    let (mut configured, mut removable, mut is_named) = (Vec::new(), Vec::new(), false);
    let mut is_permittable = true;
    for protection in protections {
        match protection {
            Protection::Class(class) => {
                configured.push(class.configures());
                match class.is_always_protected() {
                    true => is_permittable = false,
                    false => removable.push(class.as_str()),
                }
            }
            Protection::Name => is_named = true,
        }
    }
    let what = match (configured.is_empty(), is_named) {
        (true, _) => "files whose names the operator protects".to_owned(),
        (false, false) => format!("protected files that configure {}", configured.join(", and ")),
        (false, true) => format!(
            "protected files that configure {}, and files whose names the operator protects",
            configured.join(", and ")
        ),
    };
    let operator = match (is_permittable, removable.as_slice(), is_named) {
        (false, ..) => String::new(),
        (true, [], _) => {
            ", or ask the operator to remove the names from the policy's protected names".to_owned()
        }
        (true, [class], false) => format!(
            ", or ask the operator to remove the class {class} from the policy's protected classes"
        ),
        (true, classes, false) => format!(
            ", or ask the operator to remove the classes {} from the policy's protected classes",
            classes.join(" and ")
        ),
        (true, classes, true) => format!(
            ", or ask the operator to remove {} from the policy's protected classes, and the names \
             from its protected names",
            classes.join(" and ")
        ),
    };
    format!("the agent changed {what}: a person must make these changes{operator}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::ProtectedClass::{Agents, Ci, Editors};

    #[test]
    fn a_refusal_names_the_classes_and_the_next_steps() {
        // spec: X7
        let (ci, agents, editors) =
            (Protection::Class(Ci), Protection::Class(Agents), Protection::Class(Editors));
        for (protections, expected) in [
            (
                vec![ci],
                "the agent changed protected files that configure continuous integration or \
                 deployments: a person must make these changes",
            ),
            (
                vec![ci, agents],
                "the agent changed protected files that configure continuous integration or \
                 deployments, and AI agents: a person must make these changes",
            ),
            (
                vec![agents],
                "the agent changed protected files that configure AI agents: a person must make \
                 these changes, or ask the operator to remove the class agents from the policy's \
                 protected classes",
            ),
            (
                vec![agents, editors],
                "the agent changed protected files that configure AI agents, and editors or \
                 development environments: a person must make these changes, or ask the operator \
                 to remove the classes agents and editors from the policy's protected classes",
            ),
            (
                vec![Protection::Name],
                "the agent changed files whose names the operator protects: a person must make \
                 these changes, or ask the operator to remove the names from the policy's \
                 protected names",
            ),
            (
                vec![agents, Protection::Name],
                "the agent changed protected files that configure AI agents, and files whose names \
                 the operator protects: a person must make these changes, or ask the operator to \
                 remove agents from the policy's protected classes, and the names from its \
                 protected names",
            ),
        ] {
            assert_eq!(protected_reason(protections.into_iter()), expected);
        }
    }
}
