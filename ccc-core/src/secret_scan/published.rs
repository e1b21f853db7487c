//! Values that look like secrets and are public: published keys, keys for browsers, encrypted values,
//! and hashes of passwords.

use super::shape::Class::{Base64, Hex};

/// The first characters of keys that vendors publish for local development and tests.
const PUBLISHED: &[&[u8]] = &[
    // Azurite, Azure's storage emulator: <https://learn.microsoft.com/en-us/azure/storage/common/storage-use-azurite>.
    b"Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq",
    // The Cosmos DB emulator: <https://learn.microsoft.com/en-us/azure/cosmos-db/emulator>.
    b"C2y6yDjf5/R+ob0N8A7Cgv30VRDJIWEHLM+4QDU5DE2nQ9nDuVTqobD4b8mGGyPMbIZnqyMsEcaGQy67XIw/Jw",
    // The test keys of reCAPTCHA: <https://developers.google.com/recaptcha/docs/faq>.
    b"6LeIxAcTAAAAAGG-vFI1TnRWxMZNFuojJ4WifJWe",
    b"6LeIxAcTAAAAAJcZVRqyHh71UMIEGNQ_MXjiZKhI",
    // The first account of Hardhat and Anvil: <https://hardhat.org/docs/guides/network-management>.
    b"0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    b"ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
    // Examples of tokens in RFC 6749 and 8693.
    b"2YotnFZFEjr1zCsicMWpAA",
    b"tGzv3JOkF0XG5Qx2TlKWIA",
    b"accVkjcJyb4BWCxGsndESCJQbdFMogUC5PbRDqceLTC",
    // Examples of JSON Web Keys in RFC 7515, 7517 and 8037.
    b"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
    b"jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI",
    b"870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE",
    b"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
];

/// The first characters of examples in specifications, in the formats of the table.
const EXAMPLES: &[&[u8]] = &[
    // The first test vector of BIP 32: <https://github.com/bitcoin/bips/blob/master/bip-0032.mediawiki>.
    b"xprv9s21ZrQH143K3QTDL4LXw2F7HEK3wJUD2nW2nRk4stbPy6cq3jPPqjiChkVvvNKmPGJxWUtg6LnF5kejMRNNU3TGtRBeJgk33yuGBxrMPHi",
    // The example of NIP-19: <https://github.com/nostr-protocol/nips/blob/master/19.md>.
    b"nsec1vl029mgpspedva04g90vltkh6fvh240zqtv9k0t9af8935ke9laqsnlfe5",
];

/// Returns whether `credential` is an example of a specification.
pub(super) fn is_example(credential: &[u8]) -> bool {
    EXAMPLES.contains(&credential)
}

/// The starts of keys that vendors issue for browsers and mobile apps:
/// [Mapbox](https://docs.mapbox.com/accounts/guides/tokens/),
/// [PostHog](https://posthog.com/docs/api), [Stripe](https://docs.stripe.com/keys),
/// [Supabase](https://supabase.com/docs/guides/api/api-keys) and
/// [PubNub](https://www.pubnub.com/docs/general/setup/account-setup).
const FOR_BROWSERS: &[&[u8]] =
    &[b"pk.eyJ", b"phc_", b"pk_live_", b"pk_test_", b"sb_publishable_", b"pub-c-", b"sub-c-"];

/// Number of hexadecimal digits of the address of an account of Ethereum.
const ADDRESS: usize = 40;

/// Minimum length of a sealed secret.
const MIN_SEALED: usize = 256;

/// Returns whether `value` is a published key, a key for browsers, an address, a sealed secret, or a
/// key of Google, which has its own rule.
pub(super) fn is_public(value: &[u8]) -> bool {
    let starts = |list: &[&[u8]]| list.iter().any(|start| value.starts_with(start));
    let address = value.strip_prefix(b"0x");
    let address = address.is_some_and(|a| {
        let digits = a.iter().take_while(|b| Hex.has(**b)).count();
        // The literals of a list of addresses can be joined.
        digits == ADDRESS && a.len() == ADDRESS
            || digits == ADDRESS + 1 && a[ADDRESS..].starts_with(b"0x")
    });
    starts(PUBLISHED) || starts(FOR_BROWSERS) || address || is_sealed(value) || starts(&[b"AIza"])
}

/// Returns whether `value` is a value that Bitnami's controller encrypted: a length of 512 in two
/// bytes, a session key for RSA with 4096 bits, and the encrypted text
/// (<https://github.com/bitnami-labs/sealed-secrets>).
fn is_sealed(value: &[u8]) -> bool {
    let start = [&b"AgA"[..], b"AgB", b"AgC", b"AgD"];
    value.len() >= MIN_SEALED
        && start.iter().any(|start| value.starts_with(start))
        && value.iter().all(|b| Base64.has(*b))
}

/// The starts of hashes of passwords without a leading `$`.
const HASHES: &[&[u8]] = &[
    b"pbkdf2",
    b"scrypt",
    b"argon2",
    b"bcrypt",
    b"SCRAM-SHA-",
    b"md5$",
    b"sha1$",
    b"sha256$",
    b"sha512$",
    b"crypt$",
];

/// Returns whether `value` is a hash of a password in the form of crypt(3) or of a framework, or is
/// marked as insecure. `django-admin startproject` writes such a mark
/// (<https://docs.djangoproject.com/en/stable/ref/checks/#security>).
pub(super) fn is_marked(value: &[u8]) -> bool {
    let crypt =
        value.first() == Some(&b'$') && value.iter().skip(1).take(16).skip(1).any(|b| *b == b'$');
    let hash = HASHES.iter().any(|start| value.starts_with(start));
    // The form of `mysql_native_password`.
    let mysql = value
        .strip_prefix(b"*")
        .is_some_and(|digits| digits.len() == 40 && digits.iter().all(|b| Hex.has(*b)));
    mysql || crypt || hash && value.contains(&b'$') || value.starts_with(b"django-insecure-")
}
