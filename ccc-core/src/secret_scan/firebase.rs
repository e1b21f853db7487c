//! Keys of Google in configurations of Firebase.
//!
//! Google documents that these keys only identify a project, that they are public by design, and that
//! they may be stored in code and configuration files
//! (<https://firebase.google.com/docs/projects/api-keys>). A key of Google with the same form can
//! belong to another service, such as Gemini, for which it is a secret. Therefore a key is public only
//! in the documented forms of a configuration of Firebase, next to its other members.

use std::ops::Range;

/// Number of bytes before and after a key in which the other members are searched.
const AROUND: usize = 512;
/// Number of bytes before a key that contain its name.
const NAME: usize = 80;
/// Number of bytes that [`is_public_key`] reads.
pub(super) const MAX_READ: usize = 6 * AROUND;

/// The names of the key and of members that are beside it: of the configurations of web apps and of
/// Flutter, of `google-services.json`, and of `GoogleService-Info.plist`.
const FORMS: &[(&[u8], [&[u8]; 2])] = &[
    (b"apiKey", [b"projectId", b"authDomain"]),
    (b"apiKey", [b"projectId", b"messagingSenderId"]),
    (b"current_key", [b"client", b"services"]),
    (b"current_key", [b"client", b"mobilesdk_app_id"]),
    (b"<key>API_KEY</key>", [b"GCM_SENDER_ID", b"BUNDLE_ID"]),
];

/// The starts of names of environment variables that build tools publish in the code for browsers.
const PUBLISHED: &[&[u8]] = &[
    b"NEXT_PUBLIC_",
    b"NUXT_PUBLIC_",
    b"VITE_",
    b"REACT_APP_",
    b"EXPO_PUBLIC_",
    b"GATSBY_",
    b"VUE_APP_",
];

/// Returns whether the key in `range` is a public key of Firebase. In text that was joined of the
/// contents of string literals, names are missing, so the values of other members decide.
pub(super) fn is_public_key(bytes: &[u8], range: Range<usize>, is_joined: bool) -> bool {
    let before = &bytes[range.start.saturating_sub(AROUND)..range.start];
    let after = &bytes[range.end..bytes.len().min(range.end + AROUND)];
    let has =
        |text: &[u8]| [before, after].iter().any(|part| memchr::memmem::find(part, text).is_some());
    let name = &before[before.len().saturating_sub(NAME)..];
    let name = match memchr::memmem::rfind(name, b"<string>") {
        Some(element) => &name[..element],
        None => name,
    };
    let mark = |b: &u8| b.is_ascii_whitespace() || b"\"'`:=\\".contains(b);
    let name = &name[..name.iter().rposition(|b| !mark(b)).map_or(0, |at| at + 1)];
    let form = FORMS
        .iter()
        .any(|(key, members)| name.ends_with(key) && members.iter().all(|member| has(member)));
    let variable = name.ends_with(b"_KEY") && {
        let belongs = |b: &u8| b.is_ascii_alphanumeric() || *b == b'_';
        let start = name.iter().rposition(|b| !belongs(b)).map_or(0, |at| at + 1);
        let name = &name[start..];
        memchr::memmem::find(name, b"FIREBASE").is_some()
            && PUBLISHED.iter().any(|start| name.starts_with(start))
    };
    let values: [&[u8]; 4] = [b".firebaseapp.com", b".appspot.com", b":web:", b":android:"];
    let joined = is_joined && values.iter().any(|value| has(value));
    form || variable || joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_keys_in_configurations_of_firebase_are_public() {
        // spec: X10f
        let key = "AIzaSyQ7Zt0LmV2xKd9RwYb4NcJ6hGfS1eUpA8i";
        for (text, expected) in [
            (
                format!(
                    "{{ apiKey: \"{key}\", authDomain: \"a.firebaseapp.com\", projectId: \"a\" }}"
                ),
                true,
            ),
            (format!("{{\"projectId\":\"a\",\"authDomain\":\"a.io\",\"apiKey\":\"{key}\"}}"), true),
            (
                format!(
                    "FirebaseOptions(\n  apiKey: '{key}',\n  appId: '1:2:web:3',\n  messagingSenderId: '4',\n  projectId: 'a')"
                ),
                true,
            ),
            (
                format!(
                    "\"client\": [{{\"api_key\": [{{\"current_key\": \"{key}\"}}], \"services\": {{}}}}]"
                ),
                true,
            ),
            (
                format!(
                    "<key>API_KEY</key>\n\t<string>{key}</string>\n<key>GCM_SENDER_ID</key><key>BUNDLE_ID</key>"
                ),
                true,
            ),
            (format!("NEXT_PUBLIC_FIREBASE_API_KEY={key}\n"), true),
            (format!("VITE_FIREBASE_KEY=\"{key}\"\n"), true),
            (format!("{{ apiKey: \"{key}\" }}"), false),
            (format!("{{ apiKey: \"{key}\", projectId: \"a\" }}"), false),
            (format!("{{ geminiKey: \"{key}\", authDomain: \"a\", projectId: \"a\" }}"), false),
            (format!("FIREBASE_API_KEY={key}\n"), false),
            (format!("NEXT_PUBLIC_MAPS_API_KEY={key}\n"), false),
            (format!("https://maps.googleapis.com/maps/api/js?key={key}"), false),
        ] {
            let start = text.find(key).unwrap();
            let found = is_public_key(text.as_bytes(), start..start + key.len(), false);
            assert_eq!(found, expected, "{text}");
        }
    }
}
