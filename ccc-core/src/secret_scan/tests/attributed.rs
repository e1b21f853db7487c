//! Tests of random values that are not assigned directly to the name of a secret.

use super::Random;
use super::assigned::check_ordinary;
use super::layouts::{Layout, check_layouts};
use crate::secret_scan::shape::Class;

#[rustfmt::skip]
const DEFAULTS: &[Layout] = &[
    ("Terraform", "variable \"api_key\" {\n  type    = string\n  default = \"§\"\n}\n"),
    ("Terraform in one line", "variable \"api_key\" { default = \"§\" }"),
    ("CloudFormation", "Parameters:\n  ApiToken:\n    Type: String\n    NoEcho: true\n    Default: §\n"),
    ("JSON Schema", "\"apiKey\": {\n  \"type\": \"string\",\n  \"default\": \"§\"\n}"),
    ("JSON Schema in one line", "{\"apiKey\": {\"type\": \"string\", \"default\": \"§\"}}"),
    ("OpenAPI", "properties:\n  apiKey:\n    type: string\n    default: §\n"),
    ("GitHub Actions", "inputs:\n  api-token:\n    description: A token\n    default: '§'\n"),
    ("argparse", "parser.add_argument(\"--api-token\", type=str, help=\"the key to use\", default=\"§\")"),
    ("argparse on lines", "parser.add_argument(\n    \"--api-token\",\n    type=str,\n    default=\"§\",\n)"),
    ("click", "@click.option(\"--token\", default=\"§\", show_default=True)"),
    ("clap", "#[arg(long = \"api-token\", default_value = \"§\")]"),
    ("commander", ".option('--token <token>', 'the token', '§')"),
    ("yargs", ".option('token', { type: 'string', default: '§' })"),
    ("pydantic", "api_key: str = Field(\"§\")"),
    ("pydantic, default", "api_key: str = Field(default=\"§\", min_length=3)"),
    ("pydantic, optional", "api_key: Optional[SecretStr] = Field(default=SecretStr(\"§\"))"),
    ("dataclass", "token: str = field(default=\"§\")"),
    ("zod", "apiKey: z.string().default(\"§\"),"),
    ("viper", "viper.SetDefault(\"api_token\", \"§\")"),
    ("Go, flag", "flag.String(\"api-token\", \"§\", \"the key\")"),
    ("Spring", "@Value(\"${api.token:§}\")"),
    ("Rust, default", "let token = std::env::var(\"KEY\").unwrap_or(\"§\".into());"),
    ("Rust, closure", "let api_key = env(\"K\").unwrap_or_else(|| \"§\".to_owned());"),
    ("Java, default", "String apiKey = Optional.ofNullable(k).orElse(\"§\");"),
    ("Java, property", "String password = System.getProperty(\"k\", \"§\");"),
    ("Python, default of a lookup", "API_TOKEN = os.getenv(\"K\", \"§\")"),
    ("conditional", "const apiKey = isProduction ? \"§\" : undefined;"),
    ("conditional of Python", "token = a if b else \"§\""),
    ("default of a shell", "TOKEN=${1:-§}\n"),
];

#[rustfmt::skip]
const CODE: &[Layout] = &[
    ("Rust, bytes of a size", "const API_KEY: [u8; 40] = *b\"§\";"),
    ("C#, property", "public string ApiKey { get; set; } = \"§\";"),
    ("C#, constructor", "var token = new SecureToken(\"§\");"),
    ("Kotlin, lazy", "val apiKey by lazy { \"§\" }"),
    ("Swift, getter", "var apiKey: String {\n    return \"§\"\n}"),
    ("function on lines", "function getToken() {\n  const a = 1;\n  return \"§\";\n}"),
    ("Rust, function on lines", "fn api_key() -> &'static str {\n    \"§\"\n}"),
    ("list on lines", "TOKENS = [\n    \"other\",\n    \"§\",\n]\n"),
    ("argument on lines", "setPassword(\n  \"§\"\n)"),
    ("comparison", "if (\"admin\" == user && token === '§') {"),
];

#[rustfmt::skip]
const SETTINGS: &[Layout] = &[
    ("list of YAML", "tokens:\n  - §\n"),
    ("second item of YAML", "tokens:\n  - none\n  - §\n"),
    ("list of YAML without indentation", "api_tokens:\n- \"§\"\n"),
    ("list of YAML in a list", "a:\n  - secrets:\n      - §\n"),
    ("anchor", "password: &anchor §\n"),
    ("tag", "password: !!str §\n"),
    ("complex key", "? password\n: §\n"),
    ("items of an object", "secrets:\n  - name: DEPLOY\n    value: §\n"),
    ("object of JSON", "{\"secrets\": [{\"name\": \"deploy\", \"value\": \"§\"}]}"),
    ("meta element", "<meta name=\"api-key\" content=\"§\">"),
    ("input element", "<input type=\"password\" value=\"§\">"),
    ("element on lines", "<password>\n  §\n</password>"),
    ("npm", "_auth=§\n"),
    ("HMAC", "HMAC_KEY=§\n"),
    ("client key", "client_key: \"§\""),
    ("Tailscale", "tailscale up --authkey=§\n"),
    ("bold", "**Password:** §\n"),
    ("bold with code", "**API key**: `§`\n"),
    ("sentence", "The password is `§`.\n"),
];

#[rustfmt::skip]
const COMMANDS: &[Layout] = &[
    ("gh", "gh secret set DEPLOY --body \"§\"\n"),
    ("gh, equals", "gh secret set DEPLOY --body=§\n"),
    ("gh, pipe", "echo \"§\" | gh secret set DEPLOY\n"),
    ("wrangler, pipe", "echo § | npx wrangler secret put API_KEY\n"),
    ("pipe to a name", "printf %s '§' | vault kv put secret/app token=-\n"),
    ("AWS", "aws ssm put-parameter --name /prod/db/password --value § --type SecureString\n"),
    ("AWS, secrets manager", "aws secretsmanager create-secret --name db --secret-string '§'\n"),
    ("Azure", "az keyvault secret set --vault-name v --name db --value \"§\"\n"),
    ("here string", "read -r TOKEN <<< \"§\"\n"),
    ("Heroku", "heroku config:set DATABASE='§' OTHER=1\n"),
    (".NET", "new NetworkCredential(\"app\", \"§\")"),
    ("Python, requests", "requests.get(url, auth=(\"app\", \"§\"))"),
    ("Python, SMTP", "smtp.login('app', '§')"),
    ("Go, request", "request.SetBasicAuth(\"app\", \"§\")"),
    ("Rust, request", "client.get(url).basic_auth(\"app\", Some(\"§\"))"),
    ("Java, credentials", "new UsernamePasswordCredentials(\n    \"app\",\n    \"§\")"),
    ("fly", "fly secrets set DATABASE=§\n"),
    ("kubectl", "kubectl create secret generic db --from-literal=password=§\n"),
];

#[rustfmt::skip]
const CONDITIONS: &[Layout] = &[
    ("comparison", "String token = env != null ? env : \"§\";"),
    ("comparison of Terraform", "api_key = var.k != \"\" ? var.k : \"§\""),
    ("conditional on lines", "const apiKey =\n  env === \"prod\"\n    ? \"§\"\n    : \"\";\n"),
    ("or on lines", "API_KEY = (\n    os.getenv(\"K\")\n    or \"§\"\n)\n"),
    ("if of Rust", "let token = if prod { \"§\" } else { \"\" };"),
    ("brace on its own line", "public string GetToken()\n{\n    return \"§\";\n}\n"),
    ("async arrow", "const getToken = async () => {\n  return \"§\";\n};"),
    ("nested return", "def get_token(self):\n    if x:\n        return \"§\"\n"),
    ("getter", "public string ApiKey {\n  get {\n    return \"§\";\n  }\n}"),
    ("switch", "function token(e) {\n  switch (e) {\n    case \"prod\":\n      return \"§\";\n  }\n}"),
    ("bytes", "var secretKey = Encoding.UTF8.GetBytes(\"§\");"),
    ("header without a scheme", "\"Authorization\": \"§\""),
    ("header of a request", "xhr.setRequestHeader(\"Authorization\", \"§\")"),
    ("header value", "new AuthenticationHeaderValue(\"Bearer\", \"§\")"),
    ("name with dots", "stripe.api.key=§\n"),
    ("key with a dot", "encryption.key: §\n"),
    ("INSERT IGNORE", "INSERT IGNORE INTO users (id, token) VALUES (1, '§');"),
    ("REPLACE", "REPLACE INTO users (id, token) VALUES (1, '§');"),
    ("INSERT with two spaces", "INSERT  INTO users (id, token) VALUES (1, '§');"),
    ("INSERT SELECT", "INSERT INTO users (name, api_token) SELECT 'a', '§';"),
    ("escape", "INSERT INTO users (name, token) VALUES ('it\\'s', '§');"),
    ("COPY of CSV", "COPY t (id, token) FROM stdin WITH CSV;\n1,§\n\\.\n"),
    ("many items", "tokens:\n  - a\n  - b\n  - c\n  - d\n  - e\n  - f\n  - g\n  - h\n  - i\n  - j\n  - k\n  - §\n"),
    ("attribute and text", "<Password encrypted=\"false\">§</Password>"),
    ("CloudFormation", "{\"ParameterKey\": \"DbPassword\", \"ParameterValue\": \"§\"}"),
    ("parameter of XML", "<param-name>apiKey</param-name>\n<param-value>§</param-value>"),
    ("option in a list", "args:\n- \"--password\"\n- \"§\"\n"),
    ("jwt", "JWT_KEY=§\n"),
    ("service role", "SUPABASE_SERVICE_ROLE_KEY=§\n"),
    ("suffix", "dbpass = \"§\""),
];

#[test]
fn values_in_conditions_and_blocks_are_found() {
    // spec: X10d
    check_layouts(CONDITIONS);
}

#[test]
fn defaults_are_found() {
    // spec: X10d
    check_layouts(DEFAULTS);
}

#[test]
fn values_in_code_are_found() {
    // spec: X10d
    check_layouts(CODE);
}

#[test]
fn values_in_settings_are_found() {
    // spec: X10d
    check_layouts(SETTINGS);
}

#[test]
fn arguments_of_commands_are_found() {
    // spec: X10d
    check_layouts(COMMANDS);
}

/// Ordinary texts, in which `§` stands for a random value that belongs to another name.
#[rustfmt::skip]
const ORDINARY: &[&str] = &[
    "variable \"api_key\" {\n  type = string\n}\nvariable \"digest\" {\n  default = \"§\"\n}\n",
    "Parameters:\n  ApiToken:\n    Type: String\n  Digest:\n    Default: §\n",
    "{\"apiKey\": {\"type\": \"string\"}, \"digest\": {\"type\": \"string\", \"default\": \"§\"}}",
    "parser.add_argument(\"--token\")\nparser.add_argument(\"--digest\", default=\"§\")",
    "token = cache.get(\"§\")",
    "const token = decrypt(\"§\");",
    "let token = env.lookup(\"§\");",
    "const token = t(\"§\");",
    "if (hasToken) { load(\"§\"); }",
    "tokens:\n  - name\ndigests:\n  - §\n",
    "token: a\nitems:\n  - §\n",
    "function getToken() {\n  return digests[\"§\"];\n}",
    "fn token() {\n    let digest = \"§\";\n}",
    "See the password in the document §.",
    "The password of build § is in the vault.",
    "<input type=\"password\" id=\"§\">",
    "<meta name=\"digest\" content=\"§\"><meta name=\"token\" content=\"\">",
    "echo § | sha256sum # token",
    "aws ssm put-parameter --name /prod/digest --value § --type String\n",
    "import token from \"§\";",
    "<script src=\"token.js\" integrity=\"sha384-§\"></script>",
    "[token](https://example.com/§)",
    "\"node_modules/js-tokens\": {\n  \"version\": \"4.0.0\",\n  \"integrity\": \"sha512-§\"\n}",
    "fn encode_token() {\n    let data = \"§\";\n}",
    "func TestToken(t T) {\n\tdata := \"§\"\n}",
    "describe(\"token\", () => {\n  const data = \"§\";\n});",
    "class TokenView {\n  body = \"§\";\n}",
    "decodeToken({\n  data: \"§\",\n})",
    "<input name=\"csrf_token\" value=\"§\">",
    "<meta name=\"csrf-token\" content=\"§\">",
    "login(\"app\", digest); load(\"§\")",
    "smtp.login(user, passwords[\"§\"])",
    "fly secrets set DIGEST=$(cat §)\n",
    "js-tokens@4.0.0:\n  resolution: {integrity: sha512-§}\n",
];

/// Ordinary texts of other values.
#[rustfmt::skip]
const VALUES: &[&str] = &[
    "?response_type=token&redirect_uri=https%3A%2F%2Fapp.corp.io%2Foauth2%2Fcallback",
    "token=&redirect=%2Fdashboard%2FUsers%2F1%3Fa%3D2",
    "\"access_token\":\"2YotnFZFEjr1zCsicMWpAA\"",
    "\"refresh_token\":\"tGzv3JOkF0XG5Qx2TlKWIA\"",
    "subject_token=accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC",
    "tokens = [\n  \"EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v\",\n]",
    "const token = new PublicKey(\"So11111111111111111111111111111111111111112\")",
    "USDT_TOKEN = \"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t\"",
    "token: \"cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh\"",
    "const tokenIcon =\n  \"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk\"",
    "tokens = [\"0x2bfd304940849e4cf05f5f6ab61eefe498d96892\", \"0x42be2df62cee13d4e2432d34322e58106bd34285\"]",
    "INSERT INTO a (email, password) VALUES ('a@b', '773f454118020bdc2c0d975b2c9273e145acdefb');",
    "ALTER USER a PASSWORD '*5B9A1C7F03E2D4486C0A9E71D3F8B2654E7C9A10'",
    "signingkey = 5B9A1C7F03E2D4486C0A9E71D3F8B2654E7C9A10\n",
];

#[test]
fn addresses_examples_and_images_are_no_secrets() {
    // spec: X10d, X10e
    let texts: Vec<String> = VALUES.iter().map(|text| (*text).to_owned()).collect();
    check_ordinary(&texts);
}

/// Ordinary texts, in which `§` stands for a commit or a checksum of a library that is named like a secret.
#[rustfmt::skip]
const CHECKSUMS: &[&str] = &[
    "{\n  \"secrets\": {\n    \"locked\": {\n      \"repo\": \"nix-secrets\",\n      \"rev\": \"§\",\n      \"type\": \"a\"\n    }\n  }\n}",
    "{\"owner\": \"corp\", \"repo\": \"nix-secrets\", \"rev\": \"§\"}",
    "[{\"repo\":\"token\",\"rev\":\"§\"}]",
    "SPEC CHECKSUMS:\n  TokenField: §\n  Other: §\n\nPODFILE CHECKSUM: §\n",
    "CHECKOUT OPTIONS:\n  token-lib:\n    :commit: §\n    :git: x\n",
    " § libs/token (v1.0)\n",
    "uses: corp/get-token@§ # v1\n",
    "  - repo: https://github.com/corp/detect-secrets\n    rev: §\n",
    "\"token\" = { git = \"https://a.b/token\", rev = \"§\" }",
    "§ refs/heads/token\n§ refs/heads/b\n",
    "name = \"token\"\nversion = \"1.0\"\nchecksum = \"§\"\n",
    "TOKEN_SERVICE_REF=§\n", "SECRETS_REPO_COMMIT=§\n", "TOKENIZER_SHA=§\n",
    "{\"https://deno.land/std/crypto/_token.ts\": \"§\"}",
    "\"plug_token\": {:hex, :plug_token, \"1.0.0\", \"§\", [:mix]}",
    "SHA256 (token.tar.gz) = §\n",
    "annotations:\n  checksum/token: \"§\"\n",
    "\"hashes\": {\n  \"token.js\": \"§\"\n}",
];

#[test]
fn commits_and_checksums_are_no_secrets() {
    // spec: X10e, X10h
    let value = Random(54).text(Class::LowerHex, 40);
    let texts: Vec<String> = CHECKSUMS.iter().map(|text| text.replace('§', &value)).collect();
    check_ordinary(&texts);
}

#[test]
fn values_of_other_names_are_no_secrets() {
    // spec: X10e, X10h
    let value = Random(53).text(Class::Alnum, 40);
    let texts: Vec<String> = ORDINARY.iter().map(|text| text.replace('§', &value)).collect();
    check_ordinary(&texts);
}
