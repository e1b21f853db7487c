//! Tests of the recognition of random values that are assigned to the name of a secret.

use super::{Random, formats_in};
use crate::secret_scan::shape::Class;

/// Number of values of each length and alphabet.
const VALUES: usize = 40;

/// Returns the shares of random values of each alphabet that are not found, in percent.
fn missed(seed: u64, lengths: std::ops::RangeInclusive<usize>) -> Vec<(Class, f64)> {
    let mut random = Random(seed);
    let of = |class: Class| {
        let (mut missed, mut all) = (0, 0);
        for length in lengths.clone() {
            for _ in 0..VALUES {
                let value = random.text(class, length);
                missed += usize::from(formats_in(format!("api_token = \"{value}\"\n")).is_empty());
                all += 1;
            }
        }
        (class, missed as f64 * 100.0 / all as f64)
    };
    [Class::Alnum, Class::Token, Class::Base64].map(of).into()
}

#[test]
fn few_random_values_are_missed_by_chance() {
    // spec: X10d
    for (lengths, most) in [(20..=23, 4.0), (24..=40, 1.0)] {
        for (class, share) in missed(61, lengths.clone()) {
            println!("{lengths:?} {class:?}: {share:.2} % missed");
            assert!(share <= most, "{lengths:?} {class:?}: {share:.2} %");
        }
    }
}

#[test]
fn few_identifiers_are_random_values() {
    // spec: X10d
    const WORDS: &[&str] = &[
        "account",
        "Address",
        "token",
        "Request",
        "header",
        "Config",
        "provider",
        "V2",
        "Client",
        "3",
        "handler",
        "Component",
        "Refresh",
        "Http",
        "json",
        "Field",
        "Password",
        "reset",
        "Db",
        "9",
        "User",
        "service",
        "Prod",
        "2024",
        "Url",
        "Cache",
        "Key",
        "Id",
        "Auth",
        "Oauth2",
        "Eu",
        "West1",
        "Signing",
        "encryption",
        "Store",
    ];
    let (mut random, mut found) = (Random(62), Vec::new());
    for _ in 0..2_000 {
        let count = 3 + random.below(4);
        let glue = ["", "", "_", "-", ".", "/"][random.below(6)];
        let words: Vec<_> = (0..count).map(|_| WORDS[random.below(WORDS.len())]).collect();
        let value = words.join(glue);
        for text in [
            format!("api_token = \"{value}\"\n"),
            format!("apiToken: {value},\n"),
            format!("password={value}\n"),
        ] {
            if !formats_in(&text).is_empty() {
                found.push(text);
            }
        }
    }
    println!("{} of 6000 texts with identifiers refused", found.len());
    assert!(found.len() <= 10, "{}: {found:?}", found.len());
}
