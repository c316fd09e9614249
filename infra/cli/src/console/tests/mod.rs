//! The console from outside: who gets in, what its pages say, and what its forms change. Over HTTP, against a model of AWS; no browser but
//! in `browser`.

mod browser;
mod dead_letters;
mod events;
mod guard;
mod matching;
mod pages;
mod pauses;
mod reminders;
mod replay;
mod settings;
mod stack;
mod table;
mod triggers;
mod undo;

use self::stack::Stack;
use super::Console;
use crate::account::Target;
use crate::stub;
use reqwest::header::{COOKIE, LOCATION, SET_COOKIE};
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// A browser at a running console.
struct Browser {
    client: Client,
    base: String,
    /// The address that the command printed.
    url: String,
    cookie: String,
}

/// A page that a browser got.
struct Shown {
    status: StatusCode,
    text: String,
}

impl Browser {
    /// A browser that has opened nothing yet.
    async fn outside(respond: impl Fn(&str, &Value) -> (u16, String) + Send + Sync + 'static) -> Self {
        let config = stub::config(Duration::ZERO, respond);
        let console = Console::bind(Target { config, local: None, stack: "a".to_owned() }, 0).await.unwrap();
        let url = console.url.clone();
        tokio::spawn(console.serve());
        let base = url.split("/enter").next().unwrap().to_owned();
        let client = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { client, base, url, cookie: String::new() }
    }

    /// A browser that has exchanged the secret, at this stack.
    async fn at(stack: &Stack) -> Self {
        let stack = stack.clone();
        Self::inside(move |operation, request| stack.respond(operation, request)).await
    }

    /// A browser that has exchanged the secret.
    async fn inside(respond: impl Fn(&str, &Value) -> (u16, String) + Send + Sync + 'static) -> Self {
        let mut browser = Self::outside(respond).await;
        browser.enter().await;
        browser
    }

    async fn enter(&mut self) {
        let response = self.client.get(&self.url).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let cookie = response.headers()[SET_COOKIE].to_str().unwrap().to_owned();
        assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{cookie}");
        self.cookie = cookie.split(';').next().unwrap().to_owned();
    }

    fn getting(&self, path: &str) -> RequestBuilder {
        self.client.get(format!("{}{path}", self.base)).header(COOKIE, &self.cookie)
    }

    fn posting(&self, path: &str, fields: &[(&str, &str)]) -> RequestBuilder {
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = self.client.post(format!("{}{path}", self.base)).header(COOKIE, &self.cookie);
        request.header("content-type", "application/x-www-form-urlencoded").body(body)
    }

    async fn get(&self, path: &str) -> Shown {
        Shown::of(self.getting(path).send().await.unwrap()).await
    }

    /// Sends a form, and opens the page that it leads to.
    async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Shown {
        let response = self.posting(path, fields).send().await.unwrap();
        match response.headers().get(LOCATION).map(|to| to.to_str().unwrap().to_owned()) {
            Some(to) => self.get(&to).await,
            None => Shown::of(response).await,
        }
    }
}

impl Shown {
    async fn of(response: Response) -> Self {
        Self { status: response.status(), text: response.text().await.unwrap() }
    }

    /// The value of the first field of this name.
    fn field(&self, name: &str) -> String {
        let after = self.text.split(&format!("name=\"{name}\" value=\"")).nth(1);
        let after = after.unwrap_or_else(|| panic!("no field {name}: {}", self.text));
        after.split('"').next().unwrap().to_owned()
    }

    fn has(&self, part: &str) -> bool {
        self.text.contains(part)
    }

    /// No script but our own file, no handler, no style and no address of another host.
    fn is_closed(&self) -> bool {
        let own = "<script src=\"/console.js\" defer></script>";
        let others = self.text.replacen(own, "", 1);
        let has_handler = others.split(['<', ' ', '\n']).any(|word| {
            word.strip_prefix("on").and_then(|rest| rest.split_once('=')).is_some_and(|(name, _)| {
                !name.is_empty() && name.chars().all(|character| character.is_ascii_lowercase())
            })
        });
        let forbidden = ["<script", "http://", "https://", " style=", "javascript:"];
        !has_handler && !forbidden.iter().any(|part| others.contains(part))
    }
}
