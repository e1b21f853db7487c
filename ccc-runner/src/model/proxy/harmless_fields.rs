//! The fields of a model request that pass without a rule.

/// The known fields whose values carry no data out. `speed`, `service_tier` and `inference_geo` are not
/// among them, because they change the price.
pub(super) const HARMLESS_FIELDS: &[&str] = &[
    "cache_control",
    "context_management",
    "metadata",
    "output_config",
    "output_format",
    "stop_sequences",
    "temperature",
    "thinking",
    "tool_choice",
    "top_k",
    "top_p",
];
