//! Tests of secrets that the name of a variable or key shows, and of public values with such names.

use super::encodings::base64;
use super::{Random, formats_in, scanned};
use crate::secret_scan::shape::Class;
use crate::secret_scan::{find, redact};

/// Checks that each text has a secret, that the secret is removed from it, and that the text with a
/// placeholder in place of the secret has none.
#[track_caller]
pub(super) fn check(cases: &[(&str, String, String)]) {
    let mut failures = Vec::new();
    for (name, text, secret) in cases {
        let cleaned = redact(text);
        let placeholder = text.replace(secret.as_str(), &"x".repeat(secret.len()));
        let failure = if formats_in(text).is_empty() || scanned(text).secrets.is_empty() {
            format!("{name}: not found in {text}")
        } else if cleaned.contains(secret.as_str()) || !find(cleaned.as_bytes()).is_empty() {
            format!("{name}: not removed from {cleaned}")
        } else if !formats_in(&placeholder).is_empty() {
            format!("{name}: found in {placeholder}")
        } else {
            continue;
        };
        failures.push(failure);
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// Checks that no text has a secret, alone and all together.
#[track_caller]
pub(super) fn check_ordinary(texts: &[String]) {
    let found = texts.iter().filter(|text| !formats_in(text).is_empty());
    let found: Vec<_> = found.map(String::as_str).collect();
    assert!(found.is_empty(), "{}", found.join("\n"));
    let joined = texts.join("\n");
    let found = find(joined.as_bytes()).into_iter();
    let found = found.map(|found| &joined[found.range.start.saturating_sub(200)..found.range.end]);
    let found: Vec<_> = found.collect();
    assert!(found.is_empty(), "{}", found.join("\n\n"));
}

#[test]
fn values_in_other_layouts_are_found() {
    // spec: X10d
    let mut random = Random(31);
    let secret = random.text(Class::Alnum, 32);
    let of = |name, text: String| (name, text, secret.clone());
    check(&[
        of("block scalar", format!("env:\n  api_token: >-\n    {secret}\n  other: 1\n")),
        of("literal block", format!("password: |\n  {secret}\n")),
        of("block with indentation", format!("secret: |2-\n    {secret}\n")),
        of("next line", format!("const clientSecret =\n  \"{secret}\";\n")),
        of("next line of YAML", format!("password:\n    {secret}\n")),
        of("aligned", format!("API_TOKEN{}= {secret}\n", " ".repeat(40))),
        of("aligned after", format!("api_token ={}\"{secret}\"\n", " ".repeat(60))),
        of("tabs", format!("api_token\t\t\t\t\t:\t\t\t{secret}\n")),
        of("name and value of YAML", format!("- name: DB_PASSWORD\n  value: {secret}\n")),
        of(
            "name and value of JSON",
            format!("{{\"name\": \"API_TOKEN\", \"value\": \"{secret}\"}}"),
        ),
        of("attributes", format!("<add key=\"ApiToken\" value=\"{secret}\" />")),
        of("element", format!("<password>{secret}</password>")),
        of("semicolon", format!("token={secret};\n")),
        of("ampersand", format!("https://a.io/hook?token={secret}&page=2")),
        of("comma", format!("{{a: 1, token: {secret}, b: 2}}")),
        of("brace", format!("{{token: {secret}}}")),
        of("comment", format!("TOKEN={secret} # of production\n")),
    ]);
}

#[test]
fn values_of_other_forms_are_found() {
    // spec: X10d
    let mut random = Random(32);
    let marks = "q7$t0!mv2@kd9*wyb4^cj6&hgfs1=up-8i(o3)x+z5".to_owned();
    let hex = random.text(Class::LowerHex, 40);
    let long = random.text(Class::Base64, 600);
    let one_case = "q7zt0lmv2xkd9rwyb4ncj6hgfs1eupa8".to_owned();
    let key = random.text(Class::LowerHex, 32);
    check(&[
        ("Django", format!("SECRET_KEY = '{marks}'\n"), marks.clone()),
        ("Django setting", format!("SECRET_KEY={marks}\n"), marks.clone()),
        ("password with marks", format!("\"password\": \"{marks}\""), marks),
        ("hex token", format!("deploy_token: {hex}\n"), hex.clone()),
        ("hex key", format!("SECRET_KEY_BASE={0}{0}\n", &hex[..20]), hex[..20].repeat(2)),
        (
            "private key of Ethereum",
            format!("private_key = \"0x{hex}\"", hex = hex.repeat(2)),
            hex.repeat(2),
        ),
        ("master key", format!("RAILS_MASTER_KEY={key}\n"), key),
        ("long value", format!("signing_key: \"{long}\""), long),
        ("one case", format!("API_KEY={one_case}\n"), one_case),
    ]);
}

#[test]
fn encoded_values_with_the_name_of_a_secret_are_found() {
    // spec: X10d
    let mut random = Random(33);
    let password = "Zk4Q6kLJx2zqvP3eT9mW".to_owned();
    let encoded = base64(password.as_bytes());
    let with_break = base64(format!("{password}\n").as_bytes());
    let pair = base64(format!("service:{password}").as_bytes());
    let bytes: Vec<u8> = (0..32).map(|_| random.below(256) as u8).collect();
    let bytes = base64(&bytes);
    let secret = |kind: &str, values: &str| {
        format!("apiVersion: v1\nkind: {kind}\nmetadata:\n  name: app\ndata:\n{values}\n---\n")
    };
    check(&[
        ("under its name", format!("password: {encoded}\n"), encoded.clone()),
        ("with a line break", format!("DB_PASSWORD={with_break}\n"), with_break.clone()),
        ("Secret", secret("Secret", &format!("  db.main: {encoded}")), encoded.clone()),
        ("Secret in quotes", secret("\"Secret\"", &format!("  a: \"{with_break}\"")), with_break),
        ("pair in a Secret", secret("Secret", &format!("  login: {pair}")), pair),
        ("bytes in a Secret", secret("Secret", &format!("  session: {bytes}")), bytes),
        (
            "plain text in a Secret",
            format!("kind: Secret\nstringData:\n  db: {password}\n"),
            password,
        ),
        (
            "Secret in JSON",
            format!("{{\"data\":{{\"a\":\"{encoded}\"}},\"kind\":\"Secret\",\"type\":\"Opaque\"}}"),
            encoded.clone(),
        ),
        (
            "Secret after other documents",
            secret("ConfigMap", "  a: b") + &secret("Secret", &format!("  b: {encoded}")),
            encoded.clone(),
        ),
    ]);
    check_ordinary(&[
        secret("ConfigMap", &format!("  db.main: {encoded}")),
        secret("SecretStore", &format!("  db.main: {encoded}")),
        secret("Secret", "  username: YWRtaW4=\n  password: MWYyZDFlMmU2N2Rm"),
        secret("Secret", &format!("  note: {}", base64(b"a text in words, with Numbers 1 and 2"))),
        secret("Secret", "  uid: 3f2504e0-4f89-11d3-9a0c-0305e82c3301\n  pod: app-7d4b9c6f5-x2k9z"),
        format!("cursor_token: {}\n", base64(b"{\"page\":1,\"Id\":\"a7B3k\"}")),
    ]);
}

#[test]
fn logins_outside_of_urls_are_found() {
    // spec: X10d
    let mut random = Random(34);
    let password = random.text(Class::Alnum, 14);
    let token = random.text(Class::Alnum, 40);
    let hex = random.text(Class::LowerHex, 40);
    let pair = base64(format!("service:{password}").as_bytes());
    let of = |name, text: String| (name, text, password.clone());
    check(&[
        of(
            "ADO.NET",
            format!(
                "\"Server=sql.corp.io;Database=main;User Id=app;Password={password};Encrypt=true\""
            ),
        ),
        of(
            "ADO.NET with spaces",
            format!("Data Source = sql.corp.io; Uid = app; Pwd = {password};"),
        ),
        of(
            "last in the string",
            format!(
                "<add connectionString='Server=sql.corp.io;User Id=app;Password={password}' />"
            ),
        ),
        of(
            "libpq",
            format!("psql \"host=db.corp.io port=5432 dbname=main user=app password={password}\""),
        ),
        of(
            "JDBC",
            format!("jdbc:postgresql://db.corp.io:5432/main?user=app&password={password}&ssl=true"),
        ),
        of("pgpass", format!("# servers\ndb.corp.io:5432:main:app:{password}\n")),
        of("pgpass of any database", format!("db.corp.io:*:*:app:{password}\n")),
        of("curl", format!("curl -u app:{password} https://api.corp.io/v1")),
        of(
            "curl on more lines",
            format!("curl -X POST \\\n  --user \"app:{password}\" \\\n  https://api.corp.io/v1"),
        ),
        of("curl without a space", format!("curl -s -uapp:{password} https://api.corp.io")),
        ("Basic", format!("Authorization: Basic {pair}\n"), pair.clone()),
        ("Basic in code", format!("headers = {{\"X-Auth\": \"Basic {pair}\"}}"), pair.clone()),
        ("Docker", format!("{{\"auths\": {{\"r.io\": {{\"auth\": \"{pair}\"}}}}}}"), pair.clone()),
        ("npm", format!("//r.io/:_auth={pair}\n"), pair),
        ("Bearer", format!("curl -H 'Authorization: Bearer {token}' https://a.io"), token.clone()),
        ("Bearer in code", format!("fetch(u, {{ headers: {{ auth: `bearer {token}` }} }})"), token),
        ("Bearer in hex", format!("Authorization: Bearer {hex}\n"), hex.clone()),
        ("other scheme", format!("\"Authorization\": \"token {hex}\""), hex),
    ]);
    check_ordinary(&[
        format!("\"Server=localhost;User Id=app;Password={password};\""),
        format!("\"Server=127.0.0.1,1433;Database=a;User Id=sa;Password={password};\""),
        format!("\"host=db user=app password={password}\""),
        format!("localhost:5432:main:app:{password}"),
        format!("curl -u app:{password} http://localhost:8080/v1"),
        "\"Server=sql.corp.io;User Id=sa;Password=changeme;\"".into(),
        "\"Server=sql.corp.io;User Id=sa;Password={0};\"".into(),
        "\"Server=sql.corp.io;User Id=sa;Password=${DB_PASSWORD};\"".into(),
        "let user=a;let password=n.x9Kl2;host=t;".into(),
        "db.corp.io:5432:main:app:changeme".into(),
        "src/main.rs:1042:5:warning:unusedVariable2".into(),
        "curl -u user:password https://api.corp.io".into(),
        "curl -u \"$USER:$PASS\" https://api.corp.io".into(),
        "docker run -u 1000:1000 -v /etc/localtime:/etc/localtime image".into(),
        "id -u app:group9Z8y7X6".into(),
        "Authorization: Basic dXNlcjpwYXNzd29yZA==".into(),
        "Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".into(),
        "Authorization: Basic QWxhZGRpbjpPcGVuU2VzYW1l".into(),
        "Authorization: Bearer mF_9.B5f-4.1JqM".into(),
        "Authorization: Bearer ${token}".into(),
        "Authorization: Bearer <your-token-goes-here-and-is-long>".into(),
        "The basic information of a Bearer authenticationTokenProviderV2 class.".into(),
        "{\"auth\": \"dXNlcjpwYXNzd29yZA==\"}".into(),
    ]);
}

#[test]
fn public_values_with_names_like_those_of_secrets_are_no_secrets() {
    // spec: X10d
    let mut random = Random(35);
    let random_text = random.text(Class::Alnum, 40);
    let base58 = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v";
    let names = [
        "tokenAddress",
        "TOKEN_ADDRESS",
        "tokenMint",
        "token_mint",
        "tokenURI",
        "tokenAccount",
        "nextPageToken",
        "next_page_token",
        "continuationToken",
        "NextToken",
        "syncToken",
        "device_token",
        "passwordHash",
        "password_hash",
        "secretEtag",
        "secret-etag",
        "oauth_token_client_id",
        "secretId",
        "token_url",
        "secret_fingerprint",
        "publicApiKey",
        "public_access_key",
        "encrypted_password",
        "secret_name",
        "tokenContract",
    ];
    let mut texts: Vec<String> = names
        .iter()
        .flat_map(|name| [&*random_text, base58].map(|value| format!("{name} = \"{value}\"")))
        .collect();
    let google = format!("AIzaSy{}", random.text(Class::Alnum, 33));
    let sealed = format!("AgB{}", random.text(Class::Base64, 700));
    texts.extend([
        "token = \"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48\"".into(),
        "tokenURI = \"ipfs://QmYwAPJzv5CZsnA625s3Xf2nemtYgPpHdWoz2QoZMpN9SB\"".into(),
        format!("kind: SealedSecret\nspec:\n  encryptedData:\n    password: {sealed}\n"),
        "password: \"$2b$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy\"".into(),
        "password = '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ9$RdescudvJCsgt3ub+b7dWRWJTmaaJObG'".into(),
        "password: 'pbkdf2_sha256$260000$Q7zT0lMv2xKd$9RwYb4NcJ6hGfS1eUpA8iTo3Zk4Q6kLJx2zqvP3eT9w='".into(),
        "SECRET_KEY = 'django-insecure-q7$t0!mv2@kd9*wyb4^cj6&hgfs1=up-8i(o3)x+z5'".into(),
        format!("mapboxToken: \"pk.eyJ1Ijoi{}.{}\"", random.text(Class::Alnum, 60), random.text(Class::Token, 22)),
        format!("const firebaseConfig = {{\n  apiKey: \"{google}\",\n  authDomain: \"app.firebaseapp.com\",\n  projectId: \"app\"\n}};"),
        format!("{{\"apiKey\": \"{google}\", \"authDomain\": \"app.firebaseapp.com\", \"projectId\": \"app\"}}"),
        format!("NEXT_PUBLIC_FIREBASE_API_KEY={google}"),
        format!("POSTHOG_API_KEY=phc_{}", random.text(Class::Alnum, 43)),
        format!("STRIPE_API_KEY=pk_live_{}", random.text(Class::Alnum, 40)),
        "RECAPTCHA_SECRET_KEY=6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe".into(),
        "privateKey: \"0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80\"".into(),
        "secret_hash = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"".into(),
        "token: /^(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9+/]{24,}$/".into(),
        "password = \"^(?=.*[A-Z])(?=.*[0-9]).{8,}$\"".into(),
        "let token=this.props.A1.b.C2.d.E3.f.G4.h.I5.j.K6,other".into(),
        "secret:\n    name: App1ConfigForProd2Cluster3West4\n".into(),
        "TOKEN=\nOther_9Name8Of7A6Setting5Xy4=1\n".into(),
        "const token = \n  await getTokenFromStoreV2(request);\n".into(),
        "access_token: ${{ steps.App2.outputs.Token3Of4Xy }}".into(),
        "- name: TOKEN\n  valueFrom:\n    secretKeyRef: {key: Q7zT0lMv2xKd9RwYb4NcJ6hGf}\n".into(),
    ]);
    check_ordinary(&texts);
    // The same values with the name of a secret.
    for name in ["token", "page_secret", "accessToken", "NEXT_PUBLIC_API_SECRET", "id_token"] {
        let text = format!("{name} = \"{random_text}\"");
        assert!(!formats_in(&text).is_empty(), "{text}");
    }
}
