//! Construction of the GitHub adapter that the configuration describes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ccc_core::{CredentialStore, Error, ErrorKind, Result, SystemClock};
use ccc_github::http::{HttpOptions, ReqwestHttp};
use ccc_github::{GitHub, RateLimits};

use crate::config::{Config, shown_path};
use crate::credentials;

/// Builds the configured GitHub adapter, which has no GitHub App yet. `tokens` stores the
/// installation tokens that are not revoked yet.
pub(crate) fn github(config: &Config, tokens: Arc<dyn CredentialStore>) -> Result<GitHub> {
    let holder = credentials::data_dir_id(&config.data_dir()?)?;
    let mut builder =
        GitHub::builder_without_app(Arc::new(SystemClock)).token_ledger(tokens, holder);
    let github = &config.github;
    if let Some(url) = &github.api_url {
        builder = builder.api_url(url.clone());
    }
    if let Some(ms) = github.write_spacing_ms {
        let limits = match ms {
            0 => RateLimits::unlimited(),
            ms => RateLimits::default().with_write_spacing(Duration::from_millis(ms)),
        };
        builder = builder.rate_limits(limits);
    }
    if github.proxy.is_some() || github.ca_file.is_some() {
        let mut options = HttpOptions::default();
        options.proxy.clone_from(&github.proxy);
        // An API with an `http` URL is on this host machine. A proxy from the environment variables
        // cannot reach it.
        let url = github.api_url.as_deref().unwrap_or_default();
        let plain = url::Url::parse(url).is_ok_and(|url| url.scheme() == "http");
        options.direct = github.proxy.is_none() && plain;
        options.ca_pem = github.ca_file.as_deref().map(read_ca).transpose()?;
        builder = builder.http(Arc::new(ReqwestHttp::with(&options)?));
    }
    builder.build()
}

/// Reads the certificates of the trusted certificate authorities from `file`.
fn read_ca(file: &Path) -> Result<Vec<u8>> {
    std::fs::read(file).map_err(|e| {
        let line =
            format!("cannot read {}, which the setting github.ca_file names", shown_path(file));
        Error::new(ErrorKind::InvalidInput, line).with_source(e)
    })
}
