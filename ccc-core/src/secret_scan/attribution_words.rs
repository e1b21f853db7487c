//! Words between a name and a value that decide whether the value belongs to the name.

/// Words between a name and its value that say nothing of another name: types, conversions, and
/// keywords, in lower case and without `_` and `-`.
pub(super) const NEUTRAL: &[&str] = &[
    "array",
    "as",
    "asstring",
    "async",
    "atob",
    "b",
    "b64decode",
    "be",
    "box",
    "br",
    "by",
    "byte",
    "bytes",
    "char",
    "const",
    "cstr",
    "e",
    "export",
    "f",
    "field",
    "final",
    "fromstr",
    "fromstring",
    "get",
    "in",
    "init",
    "is",
    "just",
    "l",
    "lazy",
    "let",
    "list",
    "literal",
    "mut",
    "n",
    "new",
    "nil",
    "none",
    "null",
    "of",
    "ok",
    "option",
    "optional",
    "private",
    "protected",
    "public",
    "r",
    "raw",
    "rb",
    "readonly",
    "required",
    "return",
    "returns",
    "secretstr",
    "set",
    "some",
    "static",
    "str",
    "strdup",
    "string",
    "strings",
    "text",
    "to",
    "u",
    "u8",
    "undefined",
    "unwrapor",
    "unwraporelse",
    "var",
    "varchar",
    "vec",
    "void",
    "was",
];

/// Labels of a value whose name is elsewhere in the same call or object.
pub(super) const LABELS: &[&str] = &[
    "body",
    "content",
    "data",
    "default",
    "defaultvalue",
    "defaults",
    "fallback",
    "initial",
    "initialvalue",
    "literal",
    "plaintext",
    "setvalue",
    "stringvalue",
    "val",
    "value",
    "valuestring",
    "withdefault",
];

/// Parts of the names of functions that return a value of another kind for their argument.
pub(super) const OTHER_CALLS: &[&str] = &[
    "asset", "check", "compare", "crypt", "digest", "equal", "exist", "file", "find", "get", "has",
    "hash", "id", "import", "load", "log", "lookup", "match", "md5", "open", "path", "query",
    "read", "regex", "require", "select", "sha", "sign", "test", "trans", "uri", "url", "verif",
];

/// Parts of the names of functions whose last argument is returned if there is no other value.
pub(super) const LOOKUPS: &[&str] = &[
    "coalesce", "config", "default", "env", "fetch", "get", "ifnull", "lookup", "nvl", "option",
    "param", "prop", "setting",
];

/// Names of functions that return their argument in another form, although they contain a part of
/// [`OTHER_CALLS`], in lower case.
pub(super) const CONVERSIONS: &[&str] =
    &["getbytes", "hexdecode", "fromhex", "requirenotnull", "requirenonnull", "trimindent"];

/// Verbs at the starts of the names of functions that do not return a secret.
pub(super) const VERBS: &[&str] = &[
    "check", "decode", "describe", "encode", "expect", "hash", "has", "is", "parse", "render",
    "test", "tokenize", "validate", "verify",
];

/// The starts of the names of functions that return their argument if there is no other value.
pub(super) const DEFAULTS: &[&str] =
    &["unwrapor", "orelse", "getor", "ordefault", "ifempty", "valueor"];
