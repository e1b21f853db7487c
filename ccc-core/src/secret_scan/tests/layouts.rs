//! Tests of the layouts in which a random value is assigned to the name of a secret.

use super::Random;
use super::assigned::{check, check_ordinary};
use crate::secret_scan::shape::Class;

/// Texts in which `§` stands for the secret.
pub(super) type Layout = (&'static str, &'static str);

/// Checks that the secret is found in each layout, and a placeholder is not.
#[track_caller]
pub(super) fn check_layouts(layouts: &[Layout]) {
    let mut random = Random(51);
    let mut cases = Vec::new();
    for (name, layout) in layouts {
        let secret = random.text(Class::Alnum, 40);
        cases.push((*name, layout.replace('§', &secret), secret));
    }
    check(&cases);
}

#[rustfmt::skip]
const CODE: &[Layout] = &[
    ("Rust", "let api_key: &str = \"§\";"),
    ("Rust, static", "static API_KEY: &'static str = \"§\";"),
    ("Rust, optional", "let api_token: Option<&str> = Some(\"§\");"),
    ("Rust, owned", "let password = String::from(\"§\");"),
    ("Rust, bytes", "const SECRET: &[u8] = b\"§\";"),
    ("Rust, raw", "let token = r#\"§\"#;"),
    ("Rust, function", "fn api_key() -> &'static str { \"§\" }"),
    ("TypeScript", "const apiKey: string = '§';"),
    ("TypeScript, optional", "private apiKey?: string = '§';"),
    ("TypeScript, asserted", "apiKey!: string = '§';"),
    ("TypeScript, union", "let token: string | undefined = \"§\";"),
    ("TypeScript, getter", "getToken(): string { return \"§\"; }"),
    ("TypeScript, generic", "const tokens: Array<string> = [\"§\"];"),
    ("Kotlin", "val apiKey: String? = \"§\""),
    ("Kotlin, pair", "mapOf(\"api_key\" to \"§\")"),
    ("Swift", "let apiKey: String = #\"§\"#"),
    ("Python", "api_key: str = '§'"),
    ("Python, bytes", "SECRET_KEY = b'§'"),
    ("Python, raw", "password = r\"§\""),
    ("Python, formatted", "token = f\"§\""),
    ("Python, Unicode", "token = u\"§\""),
    ("Python, default", "os.environ.get('API_KEY') or '§'"),
    ("Python, second argument", "os.environ.get('API_KEY', '§')"),
    ("Python, subscript", "config['api_key'] = '§'"),
    ("Python, subscript of the environment", "os.environ[\"API_KEY\"] = \"§\""),
    ("C#", "string password = @\"§\";"),
    ("C#, interpolated", "var token = $\"§\";"),
    ("C#, default", "var apiKey = Configuration[\"Key\"] ?? \"§\";"),
    ("C++", "const char* api_key = u8\"§\";"),
    ("C, array", "static const char api_key[] = \"§\";"),
    ("C, sized array", "char api_key[41] = \"§\";"),
    ("C, definition", "#define API_KEY \"§\""),
    ("Objective-C", "NSString *apiKey = @\"§\";"),
    ("Go", "var apiToken string = \"§\""),
    ("Go, short", "apiToken := \"§\""),
    ("Go, conversion", "secret := []byte(\"§\")"),
    ("Go, list", "tokens := []string{\"§\"}"),
    ("Visual Basic", "Dim apiKey As String = \"§\""),
    ("Pascal", "const ApiKey: string = '§';"),
    ("JavaScript, or", "const key = process.env.API_KEY || \"§\";"),
    ("JavaScript, nullish", "const key = env.API_KEY ?? '§';"),
    ("JavaScript, of another name", "const apiKey = process.env.KEY || \"§\";"),
    ("JavaScript, assignment", "config.apiKey ||= `§`;"),
    ("JavaScript, next line", "const key = process.env.API_KEY ||\n  \"§\";"),
    ("JavaScript, subscript", "config[\"api_key\"] = \"§\";"),
    ("JavaScript, JSX", "<Client apiKey={\"§\"} />"),
    ("JavaScript, comparison", "if (apiKey !== \"§\") return;"),
    ("PHP", "$api_key = getenv('API_KEY') ?: '§';"),
    ("PHP, array", "['api_key' => '§']"),
    ("PHP, subscript", "$config['api_key'] = \"§\";"),
    ("PHP, constant", "define('API_KEY', '§');"),
    ("Ruby", "ENV.fetch(\"API_KEY\") { \"§\" }"),
    ("Ruby, default", "ENV[\"API_KEY\"] ||= \"§\""),
    ("Ruby, or", "ENV['API_KEY'] || '§'"),
    ("Ruby, settings", "config.api_key \"§\""),
    ("Lua", "local token = [[§]]"),
    ("R", "api_key <- \"§\""),
    ("Perl", "$h->{api_token} = \"§\";"),
    ("Lisp", "(setq x-token \"§\")"),
    ("Lisp, pair", "'((\"api_key\" . \"§\"))"),
    ("Lisp, binding", "(let ((token \"§\")) (f token))"),
    ("Lisp, environment", "(setenv \"API_KEY\" \"§\")"),
    ("Erlang", "{api_key, \"§\"}"),
    ("AppleScript", "set thePassword to \"§\""),
    ("addition", "token += \"§\""),
];

#[rustfmt::skip]
const SETTINGS: &[Layout] = &[
    ("CDATA", "<password><![CDATA[§]]></password>"),
    ("property list", "<key>apiKey</key><string>§</string>"),
    ("property list on lines", "<key>apiKey</key>\n\t<string>§</string>\n"),
    ("property list without indentation", "<key>API_TOKEN</key>\n<string>§</string>\n"),
    ("name and value elements", "<property><name>fs.secret.key</name><value>§</value></property>"),
    ("setting of .NET", "<setting name=\"ApiKey\" serializeAs=\"String\">\n  <value>§</value>\n</setting>"),
    ("resource of Android", "<string name=\"api_key\" translatable=\"false\">§</string>"),
    ("Dockerfile", "FROM a\nENV API_KEY §\nRUN b\n"),
    ("Dockerfile, argument", "ARG API_KEY=§\n"),
    ("Dockerfile, quotes", "ENV API_KEY \"§\"\n"),
    ("setx", "setx API_KEY §\r\n"),
    ("setx for the machine", "setx /M API_KEY \"§\"\n"),
    ("fish", "set -x API_KEY §\n"),
    ("fish, global", "set -gx API_KEY §\n"),
    ("csh", "setenv API_KEY §\n"),
    ("PowerShell", "$env:API_KEY = \"§\""),
    ("PowerShell, method", "[Environment]::SetEnvironmentVariable(\"API_KEY\", \"§\")"),
    ("PowerShell, secure string", "$s = ConvertTo-SecureString \"§\" -AsPlainText -Force"),
    ("PowerShell, secure string of an option", "ConvertTo-SecureString -AsPlainText -String '§'"),
    ("default of a shell", "export API_KEY=${API_KEY:-§}"),
    ("assigned default of a shell", ": ${API_KEY:=§}"),
    ("nginx", "proxy_set_header X-Api-Key \"§\";"),
    ("header of nginx", "add_header X-Api-Token §;"),
    ("base64 scheme", "session_secret: \"base64:§\""),
    ("YAML, value first", "env:\n  - value: §\n    name: API_TOKEN\n  - name: B\n    value: c\n"),
    ("YAML, member between", "- name: API_TOKEN\n  type: string\n  value: §\n"),
    ("JSON, value first", "{\"value\": \"§\", \"name\": \"DB_PASSWORD\"}"),
    ("JSON, member between", "{\"name\": \"API_KEY\", \"secure\": true,\n \"value\": \"§\"}"),
    ("JSON, key", "[{\"key\": \"apiKey\", \"enabled\": true, \"value\": \"§\"}]"),
    ("list of JSON", "{\"tokens\": [\"§\"]}"),
    ("CSV", "name,api_key,id\nalice,§,1\nbob,x,2\n"),
    ("CSV, second row", "api_token;name\nnone;alice\n\"§\";bob\n"),
    ("CSV, last column", "id\tpassword\r\n1\t§\r\n"),
    ("CSV, name with a space", "User,API Token\nalice,§\n"),
    ("CSV, number", "#,api_key\n1,§\n"),
    ("CSV, other letters", "名前,token\n甲,§\n"),
    ("CSV, unit", "user/team,password (prod)\na,§\n"),
    ("Markdown, link", "| [name](#a) | API key (live) |\n|---|---|\n| a | § |\n"),
    ("psql", " id | token \n----+-------\n  1 | §\n(1 row)\n"),
    ("mysql", "+----+-------+\n| id | token |\n+----+-------+\n| 1  | § |\n+----+-------+\n"),
    ("reStructuredText", "+---+-------+\n| a | token |\n+===+=======+\n| 1 | x |\n+---+-------+\n| 2 | § |\n+---+-------+\n"),
    ("INSERT", "INSERT INTO users (name, api_token) VALUES ('a', '§');"),
    ("INSERT of rows", "insert into t (id, \"password\", note)\nvalues (1, 'x', 'a, b'),\n  (2, '§', null);\n"),
    ("COPY", "COPY public.users (id, api_token) FROM stdin;\n1\tx\n2\t§\n\\.\n"),
    ("Markdown", "| name | API key |\n| --- | --- |\n| alice | `§` |\n"),
    ("Markdown, name in a row", "| name | value |\n|---|---|\n| `API_KEY` | `§` |\n"),
    ("Markdown without spaces", "|A|B|\n|-|-|\n|API_KEY|§|\n"),
];

#[rustfmt::skip]
const COMMANDS: &[Layout] = &[
    ("option", "tool --token § --verbose"),
    ("option with one hyphen", "tool -apiKey §\n"),
    ("option with `=`", "tool --password=§ run"),
    (".netrc", "machine api.corp.io login app password §\n"),
    (".netrc on lines", "machine api.corp.io\n  login app\n  password §\n"),
    (".netrc, default", "default login app password §"),
    ("docker", "docker login -u app -p § registry.corp.io"),
    ("docker, quotes", "docker login --username app --password \"§\""),
    ("podman", "podman login -p § quay.io"),
    ("docker, pipe", "echo § | docker login --username app --password-stdin"),
    ("docker, pipe with quotes", "printf '%s' \"§\" | docker login --password-stdin"),
    ("docker, text", "docker login -u a --password-stdin <<< \"§\""),
    ("gh, pipe", "echo \"§\" | gh auth login --with-token"),
    ("mysql", "mysql -h db.corp.io -u root -p§ app"),
    ("mysql, long option", "mysqldump --user=root --password=§ app"),
    ("mysql on lines", "mysql -u root \\\n  -p§ app"),
    ("sshpass", "sshpass -p § ssh host"),
    ("sshpass, quotes", "sshpass -p '§' ssh host"),
    ("psql", "PGPASSWORD=§ psql -h db.corp.io"),
    ("redis-cli", "redis-cli -h cache.corp.io -a § ping"),
    ("mongosh", "mongosh --username app -p §"),
    ("PASSWORD", "ALTER ROLE app PASSWORD '§';"),
    ("WITH PASSWORD", "CREATE USER app WITH PASSWORD '§';"),
    ("ENCRYPTED PASSWORD", "CREATE ROLE app LOGIN ENCRYPTED PASSWORD '§';"),
    ("WITH PASSWORD =", "CREATE LOGIN app WITH PASSWORD = N'§';"),
    ("IDENTIFIED BY", "CREATE USER 'app'@'%' IDENTIFIED BY '§';"),
    ("IDENTIFIED BY of Oracle", "CREATE USER app IDENTIFIED BY \"§\";"),
    ("IDENTIFIED WITH", "CREATE USER a IDENTIFIED WITH caching_sha2_password BY '§';"),
    ("header", "curl -H 'X-Api-Key: §' https://api.corp.io"),
    ("git config", "git config --global hub.token §\n"),
];

#[rustfmt::skip]
const NAMES: &[Layout] = &[
    ("pwd", "pwd = \"§\""),
    ("pass", "pass: §\n"),
    ("pw", "\"pw\": \"§\""),
    ("DB_PASS", "DB_PASS=§\n"),
    ("dbPass", "dbPass = '§'"),
    ("smtpPwd", "smtpPwd: '§',"),
    ("admin_pw", "admin_pw: '§'"),
    ("with a number", "pass2 = '§'"),
    ("passwd", "passwd = '§'"),
    ("passphrase", "ssh_passphrase=§\n"),
];

#[test]
fn values_in_layouts_of_code_are_found() {
    // spec: X10d
    check_layouts(CODE);
}

#[test]
fn values_in_layouts_of_settings_and_tables_are_found() {
    // spec: X10d
    check_layouts(SETTINGS);
}

#[test]
fn values_in_commands_are_found() {
    // spec: X10d
    check_layouts(COMMANDS);
}

#[test]
fn values_of_short_names_are_found() {
    // spec: X10d
    check_layouts(NAMES);
}

/// Ordinary texts, in which `§` stands for a random value that belongs to no secret.
#[rustfmt::skip]
const ORDINARY: &[&str] = &[
    // Types, defaults and calls without a literal, or with the name of a secret.
    "let token: Token = tokens.next_of_kind2(Kind::A1b2C3d4E5f6G7h8);",
    "const apiKey: string = process.env.A1b2C3d4E5f6G7h8I9j0K1l2;",
    "token = secrets.get(\"prod/app1/Api2Key3For4Payment5Service6\")",
    "password = decrypt(\"§\")",
    "f(token: str, digest=\"§\")",
    "check(token); const digest = \"§\";",
    "interface A { token: string; digest: '§' }",
    "struct A { token: String, digest: \"§\" }",
    "const { token } = a;\n  const digest = \"§\";",
    "expect(token).toBe(digest); // §",
    "token ? \"§\" : digest",
    "enum Token {\n    §\n}",
    "getToken() {\n    const digest = '§';",
    "function getToken() {\n  return digests[0];\n}",
    "assert!(tokens[0].digest == \"§\");",
    // Other elements, members, columns and variables.
    "<key>apiKey</key><true/><key>Digest</key><string>§</string>",
    "<token>a</token>\n<digest>§</digest>",
    "<string name=\"password_label\" id=\"§\">Enter the password</string>",
    "- name: API_TOKEN\n  valueFrom: a\n- name: DIGEST\n  value: §\n",
    "- value: §\n  name: DIGEST\n- name: API_TOKEN\n  value: a\n",
    "{\"name\": \"API_TOKEN\"}, {\"name\": \"digest\", \"value\": \"§\"}",
    "{\"value\": \"§\", \"name\": \"digest\"}, {\"name\": \"API_TOKEN\"}",
    "name,token_id,digest\na,1,§\n",
    "digest,token\nV,none\nV,none\n",
    "name,api_key\na,b\n\nV,§\n",
    "| digest | API key |\n|---|---|\n| § | none |\n",
    "| `API_KEY` | the key | `§` |",
    "ENV API_KEY a\nENV DIGEST §\n",
    "set -x DIGEST §\n",
    "The token, digest\nV\n",
    "INSERT INTO a (token, digest) VALUES ('a', '§');",
    "INSERT INTO a (digest, token) VALUES ('§', 'a'), ('§', 'f(b, c)');",
    "COPY a (digest, token) FROM stdin;\n§\tb\n\\.\n",
    "| digest | token |\n|---|---|\n| § | |\n",
    // Commands without a password.
    "docker login -u app -p \"$PASSWORD\" registry.corp.io",
    "docker run -p 8080:8080 §",
    "echo $TOKEN | docker login --password-stdin",
    "cat token.txt | docker login --password-stdin",
    "mysql -h localhost -u root -p§ app",
    "mysql -u root -p app -e \"select '§'\"",
    "redis-cli -h 127.0.0.1 -a § ping",
    "mkdir -p §",
    "sshpass -p \"$PASS\" ssh host",
    "tool --token-file § --digest §",
    "machine api.example.com login app password §\n",
    "default login and password of the machine: see §",
    "CREATE USER app IDENTIFIED BY 'changeme';",
    "ALTER ROLE app PASSWORD NULL; SELECT '§';",
    "ConvertTo-SecureString $plain -AsPlainText -Force",
    // Names in which the short words are no whole words.
    "bypass = \"§\"", "compass: \"§\"", "passage = '§'", "PASSED=§\n", "passKeyId = '§'", "powered = '§'",
    "passport: '§'", "pwdHash = \"§\"", "upward = '§'", "pass_id: §\n",
    // A path, in which a part is random.
    "PWD=/tmp/.tmp§/data/runs/workspace\n", "TOKEN=/run/secrets/§/token\n", "password: ./data/§/file",
];

#[test]
fn values_beside_the_names_of_secrets_are_no_secrets() {
    // spec: X10d, X10e
    let value = Random(52).text(Class::Alnum, 40);
    let texts: Vec<String> = ORDINARY.iter().map(|text| text.replace('§', &value)).collect();
    check_ordinary(&texts);
}
