//! The table of credentials that begin with a fixed text.

use super::shape::Class::{
    Alnum, Base32, Base64, Bech32, Digit, Hex, LowerHex, Padded, Percent64, Token, Upper, Value,
    Word,
};
use super::shape::Part::{self, Run, Text};

/// The text that may surround a credential of a format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Edge {
    /// Any text. The start of the format is so rare that it needs no boundary.
    Any,
    /// No letter, digit or `_` before the start.
    Start,
    /// As `Start`, and no letter, digit, `_`, `-`, `+` or `/` after the end. Only in text that is
    /// not joined of parts.
    Whole,
}

/// A format of credentials that begin with a fixed text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Format {
    /// The name that findings show.
    pub(super) name: &'static str,
    /// The texts that a credential of the format begins with, in their letter case.
    pub(super) starts: &'static [&'static str],
    /// The shape of the text after the start.
    pub(super) body: &'static [Part],
    pub(super) edge: Edge,
    /// The page of the vendor that describes the format, or a rule of a public scanner: the
    /// repository of the scanner, `: ` and the name of the rule.
    pub(super) source: &'static str,
}

const fn format(
    name: &'static str,
    starts: &'static [&'static str],
    body: &'static [Part],
    edge: Edge,
    source: &'static str,
) -> Format {
    Format { name, starts, body, edge, source }
}

const TOKEN_FORMATS: &str = "https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/";
const GITLAB: &str = "https://docs.gitlab.com/security/tokens/#token-prefixes";
const AWS: &str = "https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_identifiers.html#identifiers-prefixes";
const SLACK: &str = "https://docs.slack.dev/authentication/tokens/";
const STRIPE: &str = "https://docs.stripe.com/keys";
const SHOPIFY: &str =
    "https://shopify.dev/changelog/length-of-the-shopify-access-token-is-increasing";

/// The name of the format of keys that can be public keys of Firebase.
pub(super) const GOOGLE_KEY: &str = "Google API key";

/// The formats, one per row. New rows are appended.
#[rustfmt::skip]
pub(super) const FORMATS: &[Format] = &[
    format("GitHub token", &["ghp_", "gho_", "ghu_", "ghs_", "ghr_"], &[Run(Alnum, 30, 255)], Edge::Any, TOKEN_FORMATS),
    format("GitHub fine-grained token", &["github_pat_"], &[Run(Word, 30, 255)], Edge::Any, TOKEN_FORMATS),
    format("GitLab token", &["glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glimt-", "glagent-", "gloas-", "glsoat-", "glffct-", "glwt-"], &[Run(Token, 20, 300)], Edge::Any, GITLAB),
    format("GitLab runner token", &["GR1348941"], &[Run(Token, 20, 60)], Edge::Any, GITLAB),
    format("AWS access key", &["AKIA", "ASIA", "ABIA", "ACCA"], &[Run(Base32, 16, 16)], Edge::Start, AWS),
    format("AWS Bedrock key", &["ABSK"], &[Run(Base64, 109, 269)], Edge::Start, "https://github.com/gitleaks/gitleaks: aws-amazon-bedrock-api-key-long-lived"),
    format(GOOGLE_KEY, &["AIza"], &[Run(Token, 35, 35)], Edge::Start, "https://github.com/gitleaks/gitleaks: gcp-api-key"),
    format("Google OAuth client secret", &["GOCSPX-"], &[Run(Token, 28, 28)], Edge::Any, "https://developers.google.com/identity/protocols/oauth2"),
    format("Google OAuth token", &["ya29."], &[Run(Token, 40, 512)], Edge::Start, "https://developers.google.com/identity/protocols/oauth2"),
    format("Google OAuth refresh token", &["1//0"], &[Run(Token, 40, 255)], Edge::Whole, "https://developers.google.com/identity/protocols/oauth2"),
    format("Azure shared access signature", &["sig="], &[Run(Percent64, 43, 120)], Edge::Start, "https://learn.microsoft.com/en-us/rest/api/storageservices/create-service-sas"),
    format("Stripe key", &["sk_live_", "rk_live_", "sk_prod_", "rk_prod_"], &[Run(Alnum, 16, 255)], Edge::Any, STRIPE),
    format("Stripe webhook secret", &["whsec_"], &[Run(Base64, 24, 128)], Edge::Any, "https://docs.stripe.com/webhooks"),
    format("npm token", &["npm_"], &[Run(Alnum, 36, 64)], Edge::Any, "https://github.com/gitleaks/gitleaks: npm-access-token"),
    format("PyPI token", &["pypi-AgE"], &[Run(Token, 50, 512)], Edge::Any, "https://github.com/gitleaks/gitleaks: pypi-upload-token"),
    format("RubyGems token", &["rubygems_"], &[Run(LowerHex, 48, 48)], Edge::Any, "https://github.com/gitleaks/gitleaks: rubygems-api-token"),
    format("crates.io token", &["cio"], &[Run(Alnum, 32, 32)], Edge::Whole, "https://github.com/rust-lang/crates.io"),
    format("Docker Hub token", &["dckr_pat_", "dckr_oat_"], &[Run(Token, 24, 64)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: dockerhub/v2"),
    format("Hugging Face token", &["hf_", "api_org_"], &[Run(Alnum, 30, 64)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: huggingface"),
    format("OpenAI key", &["sk-proj-", "sk-svcacct-", "sk-service-", "sk-admin-", "sk-None-"], &[Run(Token, 32, 255)], Edge::Any, "https://github.com/gitleaks/gitleaks: openai-api-key"),
    format("API key", &["sk-"], &[Run(Alnum, 32, 64)], Edge::Start, "https://github.com/gitleaks/gitleaks: openai-api-key"),
    format("OpenRouter key", &["sk-or-v1-"], &[Run(LowerHex, 64, 64)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: openrouter"),
    format("Anthropic key", &["sk-ant-"], &[Run(Token, 24, 255)], Edge::Any, "https://github.com/gitleaks/gitleaks: anthropic-api-key"),
    format("SendGrid key", &["SG."], &[Run(Token, 22, 22), Text("."), Run(Token, 43, 43)], Edge::Start, "https://github.com/gitleaks/gitleaks: sendgrid-api-token"),
    format("Slack token", &["xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xoxo-", "xoxc-", "xoxe-"], &[Run(Token, 20, 255)], Edge::Any, SLACK),
    format("Slack cookie", &["xoxd-"], &[Run(Value, 60, 512)], Edge::Any, "https://github.com/Yelp/detect-secrets: slack"),
    format("Slack configuration token", &["xoxe.xoxp-", "xoxe.xoxb-"], &[Run(Token, 60, 255)], Edge::Any, SLACK),
    format("Slack app token", &["xapp-"], &[Run(Digit, 1, 2), Text("-"), Run(Upper, 8, 16), Text("-"), Run(Digit, 8, 16), Text("-"), Run(Alnum, 32, 128)], Edge::Any, SLACK),
    format("Slack webhook", &["hooks.slack.com/services/", "hooks.slack.com/workflows/", "hooks.slack.com/triggers/"], &[Run(Base64, 40, 128)], Edge::Any, "https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks/"),
    format("Discord webhook", &["discord.com/api/webhooks/", "discordapp.com/api/webhooks/"], &[Run(Digit, 17, 20), Text("/"), Run(Token, 60, 80)], Edge::Any, "https://docs.discord.com/developers/resources/webhook"),
    format("Twilio key", &["SK"], &[Run(LowerHex, 32, 32)], Edge::Whole, "https://www.twilio.com/docs/iam/api-keys"),
    format("Mailgun key", &["key-"], &[Run(LowerHex, 32, 32)], Edge::Whole, "https://github.com/gitleaks/gitleaks: mailgun-private-api-token"),
    format("DigitalOcean token", &["dop_v1_", "doo_v1_", "dor_v1_"], &[Run(LowerHex, 64, 64)], Edge::Any, "https://github.com/gitleaks/gitleaks: digitalocean-pat"),
    format("Heroku key", &["HRKU-"], &[Run(Token, 36, 80)], Edge::Any, "https://github.com/gitleaks/gitleaks: heroku-api-key-v2"),
    format("Shopify token", &["shpat_", "shpca_", "shppa_", "shpss_"], &[Run(Hex, 32, 64)], Edge::Any, SHOPIFY),
    format("Square token", &["sq0atp-", "sq0csp-"], &[Run(Token, 22, 64)], Edge::Any, "https://github.com/gitleaks/gitleaks: square-access-token"),
    format("Square access token", &["EAAA"], &[Run(Token, 60, 60)], Edge::Whole, "https://github.com/gitleaks/gitleaks: square-access-token"),
    format("Databricks token", &["dapi"], &[Run(LowerHex, 32, 32)], Edge::Start, "https://github.com/gitleaks/gitleaks: databricks-api-token"),
    format("Vault token", &["hvs.", "hvb.", "hvr."], &[Run(Token, 24, 300)], Edge::Start, "https://developer.hashicorp.com/vault/docs/concepts/tokens"),
    format("Terraform Cloud token", &[".atlasv1."], &[Run(Token, 60, 70)], Edge::Any, "https://github.com/gitleaks/gitleaks: hashicorp-tf-api-token"),
    format("Atlassian token", &["ATATT3", "ATCTT3"], &[Run(Token, 60, 255)], Edge::Any, "https://support.atlassian.com/atlassian-account/docs/manage-api-tokens-for-your-atlassian-account/"),
    format("Bitbucket app password", &["ATBB"], &[Run(Token, 28, 80)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: bitbucketapppassword"),
    format("Linear key", &["lin_api_", "lin_oauth_"], &[Run(Alnum, 32, 80)], Edge::Any, "https://github.com/gitleaks/gitleaks: linear-api-key"),
    format("age secret key", &["AGE-SECRET-KEY-1"], &[Run(Bech32, 58, 58)], Edge::Any, "https://github.com/gitleaks/gitleaks: age-secret-key"),
    format("Cloudflare origin key", &["v1.0-"], &[Run(LowerHex, 24, 24), Text("-"), Run(LowerHex, 146, 146)], Edge::Start, "https://github.com/gitleaks/gitleaks: cloudflare-origin-ca-key"),
    format("Grafana token", &["glsa_"], &[Run(Alnum, 32, 32), Text("_"), Run(Hex, 8, 8)], Edge::Any, "https://github.com/gitleaks/gitleaks: grafana-service-account-token"),
    format("Grafana Cloud token", &["glc_"], &[Run(Base64, 32, 400)], Edge::Start, "https://github.com/gitleaks/gitleaks: grafana-cloud-api-token"),
    format("Notion token", &["ntn_"], &[Run(Digit, 11, 11), Run(Alnum, 35, 35)], Edge::Start, "https://github.com/gitleaks/gitleaks: notion-api-token"),
    format("Postman key", &["PMAK-"], &[Run(LowerHex, 24, 24), Text("-"), Run(LowerHex, 34, 34)], Edge::Any, "https://github.com/gitleaks/gitleaks: postman-api-token"),
    format("Pulumi token", &["pul-"], &[Run(LowerHex, 40, 40)], Edge::Start, "https://github.com/gitleaks/gitleaks: pulumi-api-token"),
    format("Prefect token", &["pnu_", "pnb_"], &[Run(Alnum, 36, 36)], Edge::Start, "https://github.com/gitleaks/gitleaks: prefect-api-token"),
    format("PlanetScale token", &["pscale_tkn_", "pscale_oauth_", "pscale_pw_"], &[Run(Token, 32, 64)], Edge::Any, "https://github.com/gitleaks/gitleaks: planetscale-api-token"),
    format("Doppler token", &["dp.pt.", "dp.st.", "dp.ct.", "dp.sa.", "dp.scim.", "dp.audit."], &[Run(Value, 40, 64)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: doppler"),
    format("Dynatrace token", &["dt0c01.", "dt0s01.", "dt0s16."], &[Run(Upper, 24, 24), Text("."), Run(Upper, 64, 64)], Edge::Any, "https://docs.dynatrace.com/docs/shortlink/api-authentication"),
    format("Sentry token", &["sntryu_"], &[Run(LowerHex, 64, 64)], Edge::Any, "https://github.com/gitleaks/gitleaks: sentry-user-token"),
    format("Sentry organization token", &["sntrys_eyJ"], &[Run(Base64, 40, 400)], Edge::Any, "https://github.com/gitleaks/gitleaks: sentry-org-token"),
    format("Supabase key", &["sbp_", "sb_secret_"], &[Run(Token, 31, 64)], Edge::Start, "https://supabase.com/docs/guides/api/api-keys"),
    format("New Relic key", &["NRAK-", "NRII-", "NRRA-"], &[Run(Token, 27, 48)], Edge::Any, "https://github.com/gitleaks/gitleaks: new-relic-user-api-key"),
    format("Fly.io token", &["fo1_", "fm1a_", "fm1r_", "fm2_"], &[Run(Value, 43, 512)], Edge::Start, "https://github.com/gitleaks/gitleaks: flyio-access-token"),
    format("Groq key", &["gsk_"], &[Run(Alnum, 48, 64)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: groq"),
    format("Perplexity key", &["pplx-"], &[Run(Alnum, 40, 64)], Edge::Any, "https://github.com/gitleaks/gitleaks: perplexity-api-key"),
    format("xAI key", &["xai-"], &[Run(Word, 60, 96)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: xai"),
    format("Replicate token", &["r8_"], &[Run(Token, 37, 40)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: replicate"),
    format("Brevo key", &["xkeysib-", "xsmtpsib-"], &[Run(LowerHex, 64, 64), Text("-"), Run(Alnum, 16, 16)], Edge::Any, "https://github.com/gitleaks/gitleaks: sendinblue-api-token"),
    format("Airtable token", &["pat"], &[Run(Alnum, 14, 14), Text("."), Run(LowerHex, 64, 64)], Edge::Start, "https://github.com/gitleaks/gitleaks: airtable-personnal-access-token"),
    format("1Password service token", &["ops_eyJ"], &[Run(Base64, 250, 512)], Edge::Any, "https://github.com/gitleaks/gitleaks: 1password-service-account-token"),
    format("Alibaba access key", &["LTAI"], &[Run(Alnum, 17, 21)], Edge::Whole, "https://github.com/trufflesecurity/trufflehog: alibaba"),
    format("Artifactory key", &["AKCp"], &[Run(Alnum, 69, 69)], Edge::Start, "https://github.com/gitleaks/gitleaks: artifactory-api-key"),
    format("Facebook token", &["EAAM", "EAAC"], &[Run(Alnum, 100, 1024)], Edge::Whole, "https://github.com/gitleaks/gitleaks: facebook-page-access-token"),
    format("Dropbox token", &["sl."], &[Run(Token, 130, 512)], Edge::Start, "https://github.com/gitleaks/gitleaks: dropbox-short-lived-api-token"),
    format("Netlify token", &["nfp_", "nfc_", "nfo_"], &[Run(Word, 36, 44)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: netlify/v2"),
    format("Render key", &["rnd_"], &[Run(Alnum, 28, 40)], Edge::Start, "https://render.com/docs/api"),
    format("Tailscale key", &["tskey-"], &[Run(Token, 24, 80)], Edge::Any, "https://tailscale.com/docs/reference/key-prefixes"),
    format("NuGet key", &["oy2"], &[Run(Alnum, 43, 43)], Edge::Whole, "https://learn.microsoft.com/en-us/nuget/nuget-org/scoped-api-keys"),
    format("Duffel token", &["duffel_live_"], &[Run(Token, 43, 43)], Edge::Any, "https://github.com/gitleaks/gitleaks: duffel-api-token"),
    format("Shippo token", &["shippo_live_"], &[Run(Hex, 40, 40)], Edge::Any, "https://github.com/gitleaks/gitleaks: shippo-api-token"),
    format("EasyPost key", &["EZAK"], &[Run(Alnum, 54, 54)], Edge::Whole, "https://github.com/gitleaks/gitleaks: easypost-api-token"),
    format("Sourcegraph token", &["sgp_"], &[Run(Word, 40, 64)], Edge::Start, "https://github.com/gitleaks/gitleaks: sourcegraph-access-token"),
    format("OpenShift token", &["sha256~"], &[Run(Token, 43, 43)], Edge::Any, "https://github.com/gitleaks/gitleaks: openshift-user-token"),
    format("Octopus Deploy key", &["API-"], &[Run(Upper, 26, 32)], Edge::Whole, "https://github.com/gitleaks/gitleaks: octopus-deploy-api-key"),
    format("Typeform token", &["tfp_"], &[Run(Value, 40, 80)], Edge::Start, "https://github.com/gitleaks/gitleaks: typeform-api-token"),
    format("ReadMe key", &["rdme_"], &[Run(Alnum, 70, 70)], Edge::Any, "https://github.com/gitleaks/gitleaks: readme-api-token"),
    format("Clojars token", &["CLOJARS_"], &[Run(Alnum, 60, 60)], Edge::Any, "https://github.com/gitleaks/gitleaks: clojars-api-token"),
    format("Adobe client secret", &["p8e-"], &[Run(Token, 32, 40)], Edge::Whole, "https://github.com/gitleaks/gitleaks: adobe-client-secret"),
    format("PayPal or Braintree token", &["access_token$production$"], &[Run(Alnum, 16, 16), Text("$"), Run(LowerHex, 32, 32)], Edge::Any, "https://developer.paypal.com/braintree/docs/guides/authorization/overview"),
    format("Amazon MWS token", &["amzn.mws."], &[Run(Token, 36, 36)], Edge::Any, "https://docs.developer.amazonservices.com/en_US/dev_guide/DG_Registering.html"),
    format("Figma token", &["figd_", "figu_", "figo_", "figur_", "figuh_", "figor_", "figoh_"], &[Run(Token, 40, 64)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: figmapersonalaccesstoken/v2"),
    format("Buildkite token", &["bkua_"], &[Run(Alnum, 40, 40)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: buildkite/v2"),
    format("CircleCI token", &["CCIPAT_"], &[Run(Word, 40, 96)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: circleci/v2"),
    format("HubSpot token", &["pat-na1-", "pat-eu1-"], &[Run(Token, 36, 36)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: hubspot_apikey"),
    format("LaunchDarkly key", &["sdk-"], &[Run(LowerHex, 8, 8), Text("-"), Run(LowerHex, 4, 4), Text("-4"), Run(LowerHex, 3, 3), Text("-"), Run(LowerHex, 4, 4), Text("-"), Run(LowerHex, 12, 12)], Edge::Whole, "https://github.com/trufflesecurity/trufflehog: launchdarkly"),
    format("Artifactory reference token", &["cmVmd"], &[Run(Alnum, 59, 59)], Edge::Start, "https://github.com/gitleaks/gitleaks: artifactory-reference-token"),
    format("AWS Bedrock short-lived key", &["bedrock-api-key-YmVkcm9jay5hbWF6b25hd3MuY29t"], &[Run(Value, 20, 512)], Edge::Any, "https://github.com/gitleaks/gitleaks: aws-amazon-bedrock-api-key-short-lived"),
    format("ClickHouse Cloud key", &["4b1d"], &[Run(Alnum, 38, 38)], Edge::Whole, "https://github.com/gitleaks/gitleaks: clickhouse-cloud-api-secret-key"),
    format("Frame.io token", &["fio-u-"], &[Run(Token, 64, 64)], Edge::Any, "https://github.com/gitleaks/gitleaks: frameio-api-token"),
    format("Grafana key", &["eyJrIjoi"], &[Run(Alnum, 70, 400)], Edge::Start, "https://github.com/gitleaks/gitleaks: grafana-api-key"),
    format("Harness key", &["pat.", "sat."], &[Run(Token, 22, 22), Text("."), Run(Alnum, 24, 24), Text("."), Run(Alnum, 20, 20)], Edge::Start, "https://github.com/gitleaks/gitleaks: harness-api-key"),
    format("Infracost key", &["ico-"], &[Run(Alnum, 32, 32)], Edge::Whole, "https://github.com/gitleaks/gitleaks: infracost-api-token"),
    format("42 client secret", &["s-s4t2ud-", "s-s4t2af-"], &[Run(LowerHex, 64, 64)], Edge::Start, "https://github.com/gitleaks/gitleaks: intra42-client-secret"),
    format("Microsoft Teams webhook", &[".webhook.office.com/webhookb2/"], &[Run(Token, 36, 36), Text("@"), Run(Token, 36, 36), Text("/IncomingWebhook/"), Run(Alnum, 32, 32)], Edge::Any, "https://github.com/gitleaks/gitleaks: microsoft-teams-webhook"),
    format("Scalingo token", &["tk-us-"], &[Run(Token, 48, 48)], Edge::Start, "https://github.com/gitleaks/gitleaks: scalingo-api-token"),
    format("SettleMint token", &["sm_aat_", "sm_pat_", "sm_sat_"], &[Run(Alnum, 16, 16)], Edge::Start, "https://github.com/gitleaks/gitleaks: settlemint-personal-access-token"),
    format("1Password secret key", &["A3-"], &[Run(Upper, 6, 6), Text("-"), Run(Upper, 11, 11), Text("-"), Run(Upper, 5, 5), Text("-"), Run(Upper, 5, 5), Text("-"), Run(Upper, 5, 5)], Edge::Whole, "https://github.com/gitleaks/gitleaks: 1password-secret-key"),
    format("GitHub stateless installation token", &["ghs_"], &[Run(Token, 20, 80), Text("."), Run(Token, 40, 600), Text("."), Run(Token, 40, 400)], Edge::Any, "https://github.blog/changelog/2026-05-15-github-app-installation-tokens-per-request-override-header/"),
    format("Mapbox token", &["sk.eyJ1", "tk.eyJ1"], &[Run(Token, 40, 300), Text("."), Run(Token, 20, 64)], Edge::Start, "https://docs.mapbox.com/help/dive-deeper/access-tokens/"),
    format("NVIDIA key", &["nvapi-"], &[Run(Token, 64, 64)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: nvapi"),
    format("LangSmith key", &["lsv2_pt_", "lsv2_sk_"], &[Run(LowerHex, 32, 32), Text("_"), Run(LowerHex, 10, 10)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: langsmith"),
    format("PostHog personal key", &["phx_"], &[Run(Word, 43, 48)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: posthog"),
    format("Pinecone key", &["pcsk_"], &[Run(Alnum, 5, 6), Text("_"), Run(Alnum, 63, 63)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: pinecone"),
    format("ElevenLabs key", &["sk_"], &[Run(LowerHex, 48, 48)], Edge::Whole, "https://github.com/trufflesecurity/trufflehog: elevenlabs/v2"),
    format("Resend key", &["re_"], &[Run(Alnum, 8, 8), Text("_"), Run(Alnum, 24, 24)], Edge::Whole, "https://resend.com/docs/api-reference/introduction"),
    format("Apify token", &["apify_api_"], &[Run(Alnum, 36, 36)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: apify"),
    format("Tavily key", &["tvly-"], &[Run(Token, 32, 64)], Edge::Start, "https://docs.tavily.com/guides/quickstart"),
    format("Contentful token", &["CFPAT-"], &[Run(Token, 43, 43)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: contentfulpersonalaccesstoken"),
    format("Defined Networking key", &["dnkey-"], &[Run(Token, 26, 26), Text("-"), Run(Token, 52, 52)], Edge::Start, "https://github.com/gitleaks/gitleaks: defined-networking-api-token"),
    format("Flutterwave key", &["FLWSECK-"], &[Run(Alnum, 32, 32), Text("-X")], Edge::Any, "https://github.com/trufflesecurity/trufflehog: flutterwave"),
    format("Yandex token", &["t1.", "c1."], &[Run(Padded, 20, 300), Text("."), Run(Padded, 86, 88)], Edge::Start, "https://github.com/gitleaks/gitleaks: yandex-access-token"),
    format("Yandex key", &["AQVN"], &[Run(Token, 35, 38)], Edge::Whole, "https://github.com/gitleaks/gitleaks: yandex-api-key"),
    format("Notion secret", &["secret_"], &[Run(Alnum, 43, 43)], Edge::Whole, "https://github.com/trufflesecurity/trufflehog: notion"),
    format("Google authentication key", &["AQ.Ab"], &[Run(Token, 40, 120)], Edge::Start, "https://ai.google.dev/gemini-api/docs/api-key"),
    format("Vercel token", &["vcp_", "vci_", "vca_", "vcr_", "vck_"], &[Run(Alnum, 24, 128)], Edge::Start, "https://vercel.com/changelog/new-token-formats-and-secret-scanning"),
    format("Cloudflare token", &["cfut_", "cfat_", "cfk_"], &[Run(Word, 40, 64)], Edge::Start, "https://developers.cloudflare.com/fundamentals/api/get-started/token-formats/"),
    format("Endor Labs key", &["endr+"], &[Run(Token, 16, 16)], Edge::Whole, "https://github.com/trufflesecurity/trufflehog: endorlabs"),
    format("SonarQube token", &["squ_", "sqp_", "sqa_"], &[Run(LowerHex, 40, 40)], Edge::Start, "https://github.com/gitleaks/gitleaks: sonar-api-token"),
    format("Plaid access token", &["access-production-", "access-development-"], &[Run(LowerHex, 8, 8), Text("-"), Run(LowerHex, 4, 4), Text("-"), Run(LowerHex, 4, 4), Text("-"), Run(LowerHex, 4, 4), Text("-"), Run(LowerHex, 12, 12)], Edge::Start, "https://github.com/gitleaks/gitleaks: plaid-api-token"),
    format("Langfuse secret key", &["sk-lf-"], &[Run(LowerHex, 8, 8), Text("-"), Run(LowerHex, 4, 4), Text("-"), Run(LowerHex, 4, 4), Text("-"), Run(LowerHex, 4, 4), Text("-"), Run(LowerHex, 12, 12)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: langfuse"),
    format("Neon key", &["napi_"], &[Run(Alnum, 32, 128)], Edge::Start, "https://github.com/trufflesecurity/trufflehog: neon"),
    format("E2B key", &["e2b_", "sk_e2b_"], &[Run(LowerHex, 40, 80)], Edge::Start, "https://github.com/e2b-dev/E2B"),
    format("Weights & Biases key", &["wandb_v1_"], &[Run(Alnum, 27, 27), Text("_"), Run(Alnum, 49, 49)], Edge::Any, "https://github.com/trufflesecurity/trufflehog: weightsandbiases/v2"),
    format("Inngest signing key", &["signkey-"], &[Run(Alnum, 1, 24), Text("-"), Run(LowerHex, 32, 64)], Edge::Start, "https://api-docs.inngest.com/authentication"),
    format("Buildkite token of a user or agent", &["bkua_", "bkct_", "bkaa_", "bkaj_"], &[Run(Token, 40, 512)], Edge::Start, "https://buildkite.com/docs/platform/security/tokens"),
    format("Nostr secret key", &["nsec1"], &[Run(Alnum, 58, 58)], Edge::Whole, "https://github.com/nostr-protocol/nips"),
    format("extended private key", &["xprv", "yprv", "zprv"], &[Run(Alnum, 107, 107)], Edge::Whole, "https://github.com/bitcoin/bips"),
    format("Laravel application key", &["APP_KEY=base64:"], &[Run(Base64, 43, 44)], Edge::Start, "https://laravel.com/docs/encryption"),
];
