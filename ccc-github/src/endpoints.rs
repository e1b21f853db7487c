//! The addresses of a GitHub host, all derived from the API URL that the operator configures.

use ccc_core::Result;
use ccc_core::event::RepoRef;
use url::{Host, Url};

use crate::accounts::is_name;
use crate::errors::invalid_input;

/// The API, web and git addresses of one GitHub host (spec: G8a).
///
/// # Examples
///
/// ```
/// use ccc_github::Endpoints;
///
/// let endpoints = Endpoints::from_api_url("https://github.example.org/api/v3")?;
/// assert_eq!(endpoints.host(), "github.example.org");
/// // A token must not be sent without encryption.
/// assert!(Endpoints::from_api_url("http://github.example.org/api/v3").is_err());
/// # Ok::<(), ccc_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoints {
    api: Url,
    web: Url,
    host: String,
}

impl Endpoints {
    /// Derives all addresses of a GitHub host from `api_url`, such as `https://api.github.com`,
    /// `https://HOST/api/v3` of a GitHub Enterprise Server, `https://api.SUBDOMAIN.ghe.com`, or
    /// `http://127.0.0.1:PORT` of an emulator.
    ///
    /// # Errors
    /// [`InvalidInput`](ccc_core::ErrorKind::InvalidInput) if `api_url` does not use HTTPS, has a
    /// path other than `/api/v3`, or contains a user name, a password, a query or a fragment. Plain
    /// HTTP is accepted only for loopback addresses, because tokens are sent over the connection.
    pub fn from_api_url(api_url: &str) -> Result<Self> {
        let invalid = |problem: &str| {
            invalid_input(format!(
                "the GitHub API URL {problem}: use a URL such as https://api.github.com or https://HOST/api/v3"
            ))
        };
        let mut api = Url::parse(api_url).map_err(|_| invalid("is not a valid URL"))?;
        if !api.username().is_empty() || api.password().is_some() {
            return Err(invalid("must not contain a user name or password"));
        }
        if api.query().is_some() || api.fragment().is_some() {
            return Err(invalid("must not have a query or fragment"));
        }
        let loopback = match api.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => return Err(invalid("contains no host")),
        };
        match api.scheme() {
            "https" => {}
            "http" if loopback => {}
            "http" => {
                return Err(invalid("must use https, because tokens are sent over the connection"));
            }
            _ => return Err(invalid("must use https")),
        }
        let path = api.path().trim_end_matches('/').to_owned();
        if !matches!(path.as_str(), "" | "/api/v3") {
            return Err(invalid("has a path other than /api/v3"));
        }
        api.set_path(&path);
        let mut web = api.clone();
        web.set_path("");
        if path.is_empty()
            && let Some(name) = web.host_str().and_then(|host| host.strip_prefix("api."))
            && (name == "github.com" || name.ends_with(".ghe.com"))
        {
            let name = name.to_owned();
            web.set_host(Some(&name)).map_err(|_| invalid("contains no host"))?;
        }
        let host = web.host_str().unwrap_or_default();
        let host = match web.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_owned(),
        };
        Ok(Self { api, web, host })
    }

    /// Returns the name of the GitHub host as [`RepoRef::host`] must contain it, for example
    /// `github.com`. The name includes the port if the port is not the default of the scheme.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the address of the host's web interface, such as `https://github.com`, without a
    /// trailing slash.
    #[must_use]
    pub fn web_url(&self) -> &str {
        self.web.as_str().trim_end_matches('/')
    }

    /// Returns whether the API URL uses plain HTTP. Such a URL always has a loopback address,
    /// because other addresses require HTTPS.
    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn is_plain_http(&self) -> bool {
        self.api.scheme() == "http"
    }

    /// Returns the domain of GitHub's noreply email addresses, such as `users.noreply.github.com`.
    /// Commits use such an address in place of the author's email address (GitHub docs, "Setting
    /// your commit email address").
    pub(crate) fn noreply_domain(&self) -> String {
        format!("users.noreply.{}", self.web.host_str().unwrap_or_default())
    }

    /// Returns the URL that git uses to fetch from `repo` and to push to it.
    pub(crate) fn clone_url(&self, repo: &RepoRef) -> Result<String> {
        self.check(repo)?;
        let (owner, name) = (&repo.owner, &repo.name);
        Ok(format!("{}/{owner}/{name}.git", self.web_url()))
    }

    /// Returns the URL of an API endpoint. `parts` are the segments of the endpoint's path. This
    /// method percent-encodes each segment.
    pub(crate) fn api(&self, parts: &[&str]) -> Url {
        let mut url = self.api.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(parts);
        }
        url
    }

    /// Returns the URL of an API endpoint of `repo`, such as `…/repos/OWNER/NAME/issues`. `parts`
    /// are the path segments after the repository's name, such as `issues`.
    pub(crate) fn repo(&self, repo: &RepoRef, parts: &[&str]) -> Result<Url> {
        self.check(repo)?;
        let mut all = vec!["repos", repo.owner.as_str(), repo.name.as_str()];
        all.extend(parts);
        Ok(self.api(&all))
    }

    fn check(&self, repo: &RepoRef) -> Result<()> {
        if repo.host != self.host {
            let line = format!(
                "the repository {repo} is on the host {}, but the configured GitHub host is {}: \
                 check the API URL",
                repo.host, self.host
            );
            return Err(invalid_input(line));
        }
        if !is_name(&repo.owner) || !is_name(&repo.name) {
            let line = format!("`{}` is not a valid repository name: use OWNER/NAME", {
                let shown: String = repo.to_string().chars().take(60).collect();
                shown.escape_default().to_string()
            });
            return Err(invalid_input(line));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ccc_core::ErrorKind;

    use super::*;

    #[test]
    fn all_addresses_are_derived_from_the_api_url() {
        // spec: G8a
        for (api, web, host, noreply) in [
            (
                "https://api.github.com",
                "https://github.com",
                "github.com",
                "users.noreply.github.com",
            ),
            (
                "https://api.github.com/",
                "https://github.com",
                "github.com",
                "users.noreply.github.com",
            ),
            (
                "https://ghe.example.com/api/v3/",
                "https://ghe.example.com",
                "ghe.example.com",
                "users.noreply.ghe.example.com",
            ),
            (
                "https://api.acme.ghe.com",
                "https://acme.ghe.com",
                "acme.ghe.com",
                "users.noreply.acme.ghe.com",
            ),
            (
                "http://127.0.0.1:8080",
                "http://127.0.0.1:8080",
                "127.0.0.1:8080",
                "users.noreply.127.0.0.1",
            ),
            (
                "http://localhost:1/api/v3",
                "http://localhost:1",
                "localhost:1",
                "users.noreply.localhost",
            ),
            ("http://[::1]:9", "http://[::1]:9", "[::1]:9", "users.noreply.[::1]"),
        ] {
            let endpoints = Endpoints::from_api_url(api).unwrap();
            assert_eq!(endpoints.web_url(), web);
            assert_eq!(endpoints.host(), host);
            assert_eq!(endpoints.noreply_domain(), noreply);
        }
    }

    #[test]
    fn an_address_that_would_leak_tokens_is_refused() {
        // spec: G8a
        for bad in [
            "",
            "github.com",
            "http://api.github.com",
            "http://127.0.0.1.evil.example",
            "http://10.0.0.1",
            "https://user:pw@api.github.com",
            "ftp://127.0.0.1",
            "https://api.github.com/?x=1",
            "https://github.com/evil",
        ] {
            let error = Endpoints::from_api_url(bad).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidInput, "{bad}");
            assert!(!error.to_string().contains("pw"), "{error}");
        }
    }

    #[test]
    fn a_name_cannot_change_the_path() {
        // spec: G8a
        let endpoints = Endpoints::from_api_url("https://ghe.example.com/api/v3").unwrap();
        let repo = |host: &str, owner: &str, name: &str| RepoRef {
            host: host.into(),
            id: 1,
            owner: owner.into(),
            name: name.into(),
        };
        let good = repo("ghe.example.com", "octo", "hello.rs");
        assert_eq!(
            endpoints.repo(&good, &["collaborators", "a/../b?c#d", "permission"]).unwrap().as_str(),
            "https://ghe.example.com/api/v3/repos/octo/hello.rs/collaborators/a%2F..%2Fb%3Fc%23d/permission"
        );
        assert_eq!(
            endpoints.clone_url(&good).unwrap(),
            "https://ghe.example.com/octo/hello.rs.git"
        );
        for bad in [
            repo("github.com", "octo", "hello"),
            repo("ghe.example.com", "..", "hello"),
            repo("ghe.example.com", "octo", ""),
            repo("ghe.example.com", "octo", "a/b"),
            repo("ghe.example.com", "o\n", "a"),
        ] {
            assert!(endpoints.repo(&bad, &[]).is_err(), "{bad:?}");
            assert!(endpoints.clone_url(&bad).is_err(), "{bad:?}");
        }
    }
}
