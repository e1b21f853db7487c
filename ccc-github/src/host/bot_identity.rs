//! The bot account of the GitHub App: the author of the App's comments and commits.

use ccc_core::Result;
use ccc_core::vcs::BotIdentity;
use serde::Deserialize;

use crate::accounts::User;
use crate::client::{Call, parse};
use crate::host::github::GitHub;
use crate::token::AppIdentity;

impl GitHub {
    /// Returns the bot account of the current GitHub App. The account is requested from GitHub once
    /// and then cached.
    pub(super) async fn bot(&self) -> Result<BotIdentity> {
        let app = self.tokens.app()?;
        app.bot.get_or_try_init(|| self.identity(&app)).await.cloned()
    }

    /// Requests the bot account of `app` from GitHub.
    async fn identity(&self, app: &AppIdentity) -> Result<BotIdentity> {
        #[derive(Deserialize)]
        struct App {
            id: u64,
            slug: String,
        }
        let endpoints = &self.tokens.endpoints;
        let call = Call::get(endpoints.api(&["app"]));
        let shown: App = parse(&call, &self.tokens.send_as(app, &call).await?)?;
        let login = format!("{}[bot]", shown.slug);
        let call = Call::get(endpoints.api(&["users", &login]));
        let account: User = parse(&call, &self.tokens.send_public(&call).await?)?;
        let email = format!("{}+{login}@{}", account.id, endpoints.noreply_domain());
        Ok(BotIdentity::new(account.id, login, email).with_app(shown.id))
    }
}
