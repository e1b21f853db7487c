//! The token counts that the API reports.

use serde::Deserialize;

use crate::model::price::Tokens;

/// The field `usage` of a Messages API response. Each number is the total since the start of the
/// response.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Usage {
    input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation: Option<CacheCreation>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default)]
struct CacheCreation {
    ephemeral_5m_input_tokens: Option<u64>,
    ephemeral_1h_input_tokens: Option<u64>,
}

impl Usage {
    /// Returns whether this usage contains the count of the input tokens.
    pub(crate) fn counts_input(&self) -> bool {
        self.input_tokens.is_some()
    }

    /// Returns whether this usage contains the count of the output tokens.
    pub(crate) fn counts_output(&self) -> bool {
        self.output_tokens.is_some()
    }

    /// Returns the token counts of this usage. A count that this usage lacks is copied from
    /// `before`.
    pub(crate) fn over(self, before: Tokens) -> Tokens {
        let creation = self.cache_creation.unwrap_or_default();
        let hour = creation.ephemeral_1h_input_tokens.unwrap_or(before.cache_write_hour);
        let minutes = match self.cache_creation_input_tokens {
            // The larger of the two numbers, if they contradict each other.
            Some(all) => {
                all.saturating_sub(hour).max(creation.ephemeral_5m_input_tokens.unwrap_or(0))
            }
            None => creation.ephemeral_5m_input_tokens.unwrap_or(before.cache_write),
        };
        Tokens {
            input: self.input_tokens.unwrap_or(before.input),
            output: self.output_tokens.unwrap_or(before.output),
            cache_write: minutes,
            cache_write_hour: hour,
            cache_read: self.cache_read_input_tokens.unwrap_or(before.cache_read),
        }
    }
}
