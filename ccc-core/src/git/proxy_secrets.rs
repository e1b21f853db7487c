//! The secrets in the URLs of proxies.

use super::HostGit;
use crate::Secret;

/// Environment variables that can contain the URL of a proxy. [`Transport::proxy`](super::Transport)
/// takes precedence over them.
const VARIABLES: &[&str] = &["https_proxy", "HTTPS_PROXY"];

impl HostGit {
    /// Returns the user names and passwords of the proxies that git uses. The error messages of git
    /// can contain them.
    pub(crate) fn secrets(&self) -> Vec<Secret> {
        let variables = VARIABLES.iter().filter_map(|name| std::env::var(name).ok());
        let configured = self.transport.proxy.iter().filter_map(|url| url.expose_str().ok());
        let urls = variables.chain(configured.map(str::to_owned));
        urls.flat_map(|url| user_information(&url)).collect()
    }
}

/// Returns the user information of `url`, and the password in it. Returns nothing if `url` contains
/// no user information.
fn user_information(url: &str) -> Vec<Secret> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let Some((user, _)) = authority.rsplit_once('@') else { return Vec::new() };
    let password = user.split_once(':').map(|(_, password)| password);
    [Some(user), password].into_iter().flatten().map(Secret::from).collect()
}

#[cfg(test)]
mod tests {
    use super::user_information;

    #[test]
    fn the_password_of_a_proxy_is_a_secret() {
        // spec: S6b
        for (url, expected) in [
            ("http://me:hunter22@proxy.example:3128/", &["me:hunter22", "hunter22"][..]),
            ("http://me:a@b:c@proxy.example", &["me:a@b:c", "a@b:c"]),
            ("me:hunter22@proxy.example", &["me:hunter22", "hunter22"]),
            ("http://token@proxy.example", &["token"]),
            ("http://proxy.example:3128/?a@b", &[]),
        ] {
            let found = user_information(url);
            let found: Vec<&str> =
                found.iter().map(|secret| secret.expose_str().unwrap()).collect();
            assert_eq!(found, expected, "{url}");
        }
    }
}
