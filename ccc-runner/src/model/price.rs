//! Prices of models.

use ccc_core::agent::ModelUsage;

use crate::model::pattern::ModelPattern;

/// The price of a million tokens, in millionths of a US dollar.
///
/// The price of cached tokens is a multiple of the input price. According to Anthropic's
/// documentation of prompt caching, the factors are 5/4 for a write to the five-minute cache, 2 for a
/// write to the one-hour cache, and 1/10 for a read from either cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Price {
    /// The price of a million input tokens, in millionths of a US dollar.
    pub input: u64,
    /// The price of a million output tokens, in millionths of a US dollar.
    pub output: u64,
}

impl Price {
    /// Creates a price. `input` and `output` are the prices of a million tokens, in millionths of a
    /// US dollar.
    #[must_use]
    pub const fn new(input: u64, output: u64) -> Self {
        Self { input, output }
    }

    /// Creates a price. `input` and `output` are the prices of a million tokens, in US dollars.
    /// They are rounded up to a millionth of a US dollar. A price that is negative or not a number is
    /// replaced by the highest possible price, because with a price of 0 no spending limit would be
    /// reached.
    #[must_use]
    pub fn from_dollars(input: f64, output: f64) -> Self {
        let micro = |dollars: f64| {
            if dollars >= 0.0 { (dollars * 1e6).ceil() as u64 } else { u64::MAX }
        };
        Self { input: micro(input), output: micro(output) }
    }

    /// Returns the cost of `tokens`, in millionths of a US dollar, rounded up.
    #[must_use]
    pub(crate) fn of(&self, tokens: &Tokens) -> u64 {
        // A product of two 64-bit numbers fits, but five quarters or the sum of products may not.
        let cost = |count: u64, price: u64| u128::from(count) * u128::from(price);
        let sum = [
            cost(tokens.input, self.input),
            cost(tokens.cache_write, self.input).saturating_mul(5) / 4,
            cost(tokens.cache_write_hour, self.input).saturating_mul(2),
            cost(tokens.cache_read, self.input) / 10,
            cost(tokens.output, self.output),
        ];
        let sum = sum.into_iter().fold(0, u128::saturating_add);
        u64::try_from(sum.div_ceil(1_000_000)).unwrap_or(u64::MAX)
    }
}

/// Formats an amount in millionths of a US dollar as US dollars, such as `5.000000`.
pub(crate) fn dollars(micro_usd: u64) -> String {
    format!("{}.{:06}", micro_usd / 1_000_000, micro_usd % 1_000_000)
}

/// The token counts of one call to the model's API: request and response.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tokens {
    pub(crate) input: u64,
    pub(crate) output: u64,
    /// Number of tokens that the API stores in its prompt cache for five minutes.
    pub(crate) cache_write: u64,
    /// Number of tokens that the API stores in its prompt cache for an hour.
    pub(crate) cache_write_hour: u64,
    pub(crate) cache_read: u64,
}

impl Tokens {
    pub(crate) fn add_to(&self, usage: &mut ModelUsage) {
        usage.input_tokens = usage.input_tokens.saturating_add(self.input);
        usage.output_tokens = usage.output_tokens.saturating_add(self.output);
        usage.cache_read_tokens = usage.cache_read_tokens.saturating_add(self.cache_read);
        usage.cache_write_tokens = usage
            .cache_write_tokens
            .saturating_add(self.cache_write)
            .saturating_add(self.cache_write_hour);
    }
}

/// A table of model prices. If no row matches a model, the model gets the highest input price and
/// the highest output price of the table. A spending limit is then reached too early rather than
/// too late.
///
/// # Examples
///
/// ```
/// use ccc_runner::{ModelPattern, Price, PriceTable};
///
/// let own = (ModelPattern::new("claude-opus-*"), Price::from_dollars(5.0, 25.0));
/// let table = PriceTable::default().with([own]);
/// assert_eq!(table.price("claude-opus-4-8"), Price::from_dollars(5.0, 25.0));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceTable(Vec<(ModelPattern, Price)>);

/// List prices according to Claude Code 2.1.330, in US dollars for a million tokens: model pattern,
/// input price, output price. A pattern for all models of a family also matches later models, so it
/// has the highest price of the family.
const LISTED: &[(&str, f64, f64)] = &[
    ("claude-fable-*", 8.0, 40.0),
    ("claude-opus-5*", 4.0, 20.0),
    ("claude-opus-4-5*", 5.0, 25.0),
    ("claude-opus-4-6*", 5.0, 25.0),
    ("claude-opus-4-7*", 5.0, 25.0),
    ("claude-opus-4-8*", 5.0, 25.0),
    ("claude-opus-*", 15.0, 75.0),
    ("claude-sonnet-5*", 2.0, 10.0),
    ("claude-sonnet-4*", 3.0, 15.0),
    ("claude-haiku-5-5*", 0.1, 0.5),
    ("claude-haiku-4-5*", 1.0, 5.0),
    ("claude-3-5-haiku*", 0.8, 4.0),
];

impl Default for PriceTable {
    /// Returns Anthropic's list prices according to Claude Code 2.1.330. Prices change: an operator
    /// who sets a spending limit should also set the prices of their own contract.
    fn default() -> Self {
        let row = |(model, input, output): &(&str, f64, f64)| {
            (ModelPattern::new(*model), Price::from_dollars(*input, *output))
        };
        Self(LISTED.iter().map(row).collect())
    }
}

impl PriceTable {
    /// Adds `rows` before the existing rows. The price of a model is in the first row whose pattern
    /// matches the model.
    #[must_use]
    pub fn with(self, rows: impl IntoIterator<Item = (ModelPattern, Price)>) -> Self {
        Self(rows.into_iter().chain(self.0).collect())
    }

    /// Returns the price of `model` from the first matching row. If no row matches, returns the
    /// highest input price and the highest output price of the table.
    #[must_use]
    pub fn price(&self, model: &str) -> Price {
        let row = self.0.iter().find(|(pattern, _)| pattern.matches(model));
        row.map_or_else(|| self.dearest(), |(_, price)| *price)
    }

    fn dearest(&self) -> Price {
        let all = self.0.iter().map(|(_, price)| *price);
        all.reduce(|a, b| Price { input: a.input.max(b.input), output: a.output.max(b.output) })
            .unwrap_or(Price { input: u64::MAX / 1_000_000, output: u64::MAX / 1_000_000 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_model_has_its_rows_price_and_an_unknown_one_the_highest() {
        // spec: X3d
        let own = (ModelPattern::new("claude-opus-5-5"), Price::from_dollars(1.0, 2.0));
        let table = PriceTable::default().with([own]);
        for (model, input, output) in [
            ("claude-opus-5-5", 1_000_000, 2_000_000),
            ("claude-opus-5-4", 4_000_000, 20_000_000),
            ("claude-opus-4-1-20250805", 15_000_000, 75_000_000),
            ("claude-haiku-4-5-20251001", 1_000_000, 5_000_000),
            ("claude-haiku-5", 15_000_000, 75_000_000),
            ("claude-sonnet-4-6", 3_000_000, 15_000_000),
            ("claude-sonnet-6", 15_000_000, 75_000_000),
            ("opus", 15_000_000, 75_000_000),
            ("", 15_000_000, 75_000_000),
            ("another", 15_000_000, 75_000_000),
        ] {
            assert_eq!(table.price(model), Price { input, output }, "{model}");
        }
    }

    #[test]
    fn a_sum_is_rounded_up_once() {
        let price = Price::from_dollars(4.0, 20.0);
        for (tokens, expected) in [
            (Tokens { input: 500, output: 100, ..Tokens::default() }, 4_000),
            (Tokens { cache_write: 1_000_000, ..Tokens::default() }, 5_000_000),
            (Tokens { cache_write_hour: 1_000_000, ..Tokens::default() }, 8_000_000),
            (Tokens { cache_read: 1_000_000, ..Tokens::default() }, 400_000),
            (Tokens { cache_read: 1, ..Tokens::default() }, 1),
            (Tokens { output: u64::MAX, input: u64::MAX, ..Tokens::default() }, u64::MAX),
            (Tokens::default(), 0),
        ] {
            assert_eq!(price.of(&tokens), expected, "{tokens:?}");
        }
        let most = u64::MAX;
        let all = Tokens {
            input: most,
            output: most,
            cache_write: most,
            cache_write_hour: most,
            cache_read: most,
        };
        assert_eq!(Price::new(most, most).of(&all), most);
    }

    #[test]
    fn a_price_that_is_not_an_amount_is_the_highest() {
        // spec: X3d
        for (dollars, expected) in [
            (f64::NAN, u64::MAX),
            (-1.0, u64::MAX),
            (f64::NEG_INFINITY, u64::MAX),
            (f64::INFINITY, u64::MAX),
            (1e300, u64::MAX),
            (-0.0, 0),
            (0.0, 0),
            (1e-9, 1),
        ] {
            let price = Price::from_dollars(dollars, dollars);
            assert_eq!((price.input, price.output), (expected, expected), "{dollars}");
        }
    }
}
