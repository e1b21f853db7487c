//! JSON of reactions, in the format of GitHub's API.

use serde_json::{Map, Value, json};

use crate::model::Reaction;
use crate::render::account::user;
use crate::state::Inner;

/// The valid values of a reaction's field `content` in GitHub's API.
pub(crate) const REACTIONS: [&str; 8] =
    ["+1", "-1", "laugh", "confused", "heart", "hooray", "rocket", "eyes"];

/// Counts the `reactions` for each value of the field `content`, such as `eyes`, and renders the
/// counts as JSON. `url` is the API URL of the issue or comment.
pub(crate) fn rollup(reactions: &[Reaction], url: &str) -> Value {
    let mut all = Map::from_iter([
        ("url".to_owned(), Value::from(format!("{url}/reactions"))),
        ("total_count".to_owned(), reactions.len().into()),
    ]);
    for content in REACTIONS {
        let count = reactions.iter().filter(|reaction| reaction.content == content).count();
        all.insert(content.to_owned(), count.into());
    }
    Value::Object(all)
}

/// Renders a reaction as JSON in the format of GitHub's API.
pub(crate) fn reaction(inner: &Inner, reaction: &Reaction) -> Value {
    json!({
        "id": reaction.id,
        "node_id": format!("REA_{}", reaction.id),
        "user": user(inner, &reaction.user),
        "content": reaction.content,
        "created_at": reaction.created_at,
    })
}
