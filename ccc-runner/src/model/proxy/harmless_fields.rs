//! Fields of a model request that no rule restricts.

/// The known request fields that cannot make the API send data to other services. `speed`,
/// `service_tier` and `inference_geo` are not included, because they change the price.
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
