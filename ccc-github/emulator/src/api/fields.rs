//! Fields of request bodies.

use serde_json::Value;

use crate::failure::Failure;

/// Maximum length, in characters, of the body of an issue, a pull request or a comment.
const MAX_TEXT: usize = 65_536;

/// Returns the strings in the JSON array `list`. As on GitHub, an item can also be an object that
/// contains the string in the field `field`.
pub(crate) fn strings(list: &Value, field: &str) -> Vec<String> {
    let one = |item: &Value| item.as_str().or_else(|| item[field].as_str()).map(str::to_owned);
    list.as_array().map(|all| all.iter().filter_map(one).collect()).unwrap_or_default()
}

/// Checks the length of `text`, which is the value of the field `field` in a request body. A title
/// must have 1 to 256 characters. Any other text can have at most 65,536 characters.
pub(crate) fn check_text(resource: &str, field: &str, text: &str) -> Result<(), Failure> {
    if field == "title" && (text.is_empty() || text.chars().count() > 256) {
        let code = if text.is_empty() { "missing_field" } else { "too_long" };
        return Err(Failure::field(resource, field, code));
    }
    if text.chars().count() > MAX_TEXT {
        let why = format!("{field} is too long (maximum is {MAX_TEXT} characters)");
        return Err(Failure::custom(resource, &why));
    }
    Ok(())
}
