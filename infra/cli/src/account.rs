//! The global options: which AWS account or local stack a command works on, and how it prints.

use crate::bulk::option;
use crate::checkout;
use crate::exit_code::{Unreachable, Usage};
use crate::report::say;
use anyhow::Result;
use automations::aws;
use automations::config::Reader;
use automations::store::Store;
use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::{Region, SdkConfig};
use aws_sdk_sqs::config::{Credentials, ProvideCredentials as _, SharedCredentialsProvider};
use clap::Args;

/// The region of the local stack.
const LOCAL_REGION: &str = "ap-southeast-2";
/// The name of the stack if none is given.
const STACK: &str = "automations";
/// The profile that means the SDK's own order: environment, default profile, role of the machine.
const DEFAULT: &str = "default";
/// What the local stack accepts; the environment's credentials never reach it.
const LOCAL_KEY: &str = "test";

/// Where a command works, and how it prints.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Account {
    /// The AWS profile of the account to work on; `default` is credentials in the environment, else the default profile
    #[arg(long, global = true, value_name = "NAME", conflicts_with = "local")]
    profile: Option<String>,
    /// The AWS region [default: the profile's]
    #[arg(long, global = true, value_name = "REGION")]
    region: Option<String>,
    /// The application's CloudFormation stack; names of its table, queues and secrets begin with it
    #[arg(long, global = true, value_name = "NAME", default_value = STACK)]
    pub stack: String,
    /// Work on the local stack of `cargo xtask up` or `dev`, or on the one at `AWS_ENDPOINT_URL`
    #[arg(long, global = true)]
    local: bool,
    /// Print JSON to standard output
    #[arg(long, global = true)]
    pub json: bool,
}

/// Where a command works, once that is decided.
#[derive(Debug, Clone)]
pub struct Target {
    /// The configuration of every AWS client.
    pub config: SdkConfig,
    /// The endpoint of the local stack; none in an AWS account.
    pub local: Option<String>,
    /// The application's stack.
    pub stack: String,
}

impl Account {
    /// The account of `--profile`; else the local stack, if `--local` is given or one runs.
    ///
    /// # Errors
    /// [`Usage`] if neither is named and no local stack runs; [`Unreachable`] if it does not run, or the profile has no region.
    pub async fn target(&self) -> Result<Target> {
        let stack = self.stack.clone();
        if let Some(profile) = &self.profile {
            // The SDK would send every call there, whatever the profile is.
            if !Reader::of_process().or("AWS_ENDPOINT_URL", String::new()).is_empty() {
                let text =
                    "AWS_ENDPOINT_URL is set, and so is --profile: unset the one, or leave out the other";
                return Err(Usage(text.to_owned()).into());
            }
            let config = self.of_profile(profile).await?;
            return Ok(Target { config, local: None, stack });
        }
        let set = Reader::of_process().or("AWS_ENDPOINT_URL", String::new());
        let endpoint = Some(set).filter(|endpoint| !endpoint.is_empty()).or_else(checkout::local_endpoint);
        match endpoint {
            Some(endpoint) => {
                if !self.local {
                    say(&format!(
                        "using the local stack at {endpoint}; --profile NAME works on an AWS account"
                    ));
                }
                Ok(Target { config: self.of_local(&endpoint)?, local: Some(endpoint), stack })
            }
            None if self.local => {
                Err(Unreachable("no local stack of this checkout runs; start one: cargo xtask up".to_owned())
                    .into())
            }
            None => Err(Usage(
                "say where to work: --profile NAME for an AWS account, or --local after `cargo xtask up`"
                    .to_owned(),
            )
            .into()),
        }
    }

    /// The options with which another command works on the same account.
    pub(crate) fn options(&self) -> String {
        let given = [("profile", self.profile.as_ref()), ("region", self.region.as_ref())];
        let given = given.into_iter().filter_map(|(name, value)| Some(option(name, value?)));
        let stack = (self.stack != STACK && !self.stack.is_empty()).then(|| option("stack", &self.stack));
        let local = self.local.then(|| "--local".to_owned());
        given.chain(stack).chain(local).collect::<Vec<_>>().join(" ")
    }

    async fn of_profile(&self, profile: &str) -> Result<SdkConfig> {
        let loaded = aws::load_profile(profile.to_owned()).await?;
        let mut config = loaded.to_builder().region(self.region_of(&loaded));
        if profile != DEFAULT {
            // The SDK prefers credentials in the environment, which may be another account's.
            let provider = ProviderConfig::without_region().with_region(self.region_of(&loaded));
            let provider = loaded.http_client().into_iter().fold(provider, ProviderConfig::with_http_client);
            let named = ProfileFileCredentialsProvider::builder().configure(&provider).profile_name(profile);
            let named = named.build();
            config = config.credentials_provider(SharedCredentialsProvider::new(named));
        }
        let config = config.build();
        if config.region().is_none() {
            let text = format!(
                "the profile {profile} names no region; add --region, such as --region {LOCAL_REGION}"
            );
            return Err(Usage(text).into());
        }
        Ok(config)
    }

    fn region_of(&self, loaded: &SdkConfig) -> Option<Region> {
        self.region.clone().map(Region::new).or_else(|| loaded.region().cloned())
    }

    fn of_local(&self, endpoint: &str) -> Result<SdkConfig> {
        let region = self.region.clone().unwrap_or_else(|| LOCAL_REGION.to_owned());
        let credentials = Credentials::new(LOCAL_KEY, LOCAL_KEY, None, None, "local stack");
        let config = aws::load()?.to_builder().region(Region::new(region)).endpoint_url(endpoint);
        Ok(config.credentials_provider(SharedCredentialsProvider::new(credentials)).build())
    }
}

impl Target {
    /// The name of the stack's table.
    pub fn table(&self) -> String {
        format!("{}-store", self.stack)
    }

    /// The stack's table.
    pub fn store(&self) -> Store {
        Store::new(aws::dynamodb(&self.config), self.table())
    }

    /// The environment in which a program that only reads the environment works on this target.
    ///
    /// # Errors
    /// [`Unreachable`] if the profile gives no credentials.
    pub async fn environment(&self) -> Result<Vec<(String, String)>> {
        let provider = self.config.credentials_provider();
        let provider = provider.ok_or_else(|| Unreachable("no credentials are configured".to_owned()))?;
        let credentials = provider.provide_credentials().await;
        let credentials =
            credentials.map_err(|error| Unreachable(format!("the profile gives no credentials: {error}")))?;
        let region = self.config.region().map(ToString::to_string).unwrap_or_default();
        let variables = [
            ("AWS_REGION", Some(region)),
            ("AWS_ENDPOINT_URL", self.local.clone()),
            ("AWS_ACCESS_KEY_ID", Some(credentials.access_key_id().to_owned())),
            ("AWS_SECRET_ACCESS_KEY", Some(credentials.secret_access_key().to_owned())),
            ("AWS_SESSION_TOKEN", credentials.session_token().map(str::to_owned)),
        ];
        Ok(variables.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect())
    }
}
