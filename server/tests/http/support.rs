//! A server to test, and short ways to talk to it.

use std::sync::{Arc, Mutex};

use hashget_api::{ErrorBody, ErrorCode, PublishResponse};
use hashget_server::auth::{Scope, TokenFile};
use hashget_server::settings::{Settings, SettingsLayer};
use hashget_server::startup::Server;
use hashget_store::{PackageStore, SledStore, StoreOptions};
use hashget_words::digest::Digest;
use hashget_words::hash_package::{Attributes, HashPackage};
use hashget_words::package_summary::PackageId;
use jiff::civil::{Date, date};
use reqwest::Method;
use reqwest::blocking::{Client, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) const TODAY: Date = date(2030, 6, 15);

/// A server on a store of its own, where it is always [`TODAY`] by default.
pub(crate) struct TestServer {
    pub(crate) server: Server,
    pub(crate) admin: String,
    pub(crate) client: Client,
    pub(crate) today: Arc<Mutex<Date>>,
    pub(crate) data: TempDir,
    settings: Settings,
}

impl TestServer {
    pub(crate) fn start() -> Self {
        Self::with("")
    }

    /// With more settings, in TOML.
    pub(crate) fn with(settings: &str) -> Self {
        let data = tempfile::tempdir().unwrap();
        let path = data.path().join("store");
        let options = StoreOptions {
            resident_bytes: 64 << 20,
            ..StoreOptions::default()
        };
        let store = SledStore::open(&path, options).unwrap();
        assert!(store.load(&|| false).unwrap());
        Self::on(data, Arc::new(store), settings)
    }

    pub(crate) fn on(data: TempDir, store: Arc<dyn PackageStore>, settings: &str) -> Self {
        let given: SettingsLayer = toml::from_str(settings).unwrap();
        let layer = given.over(SettingsLayer {
            listen: Some("127.0.0.1:0".to_owned()),
            data: Some(data.path().to_owned()),
            workers: Some(2),
            ..SettingsLayer::default()
        });
        let settings = Settings::from_layer(layer).unwrap();
        let today = Arc::new(Mutex::new(TODAY));
        let clock = Arc::clone(&today);
        let clock = Arc::new(move || *clock.lock().unwrap());
        let server = Server::start_with(settings.clone(), store, clock).unwrap();
        let client = Client::new();
        let mut test = Self {
            server,
            admin: String::new(),
            client,
            today,
            data,
            settings,
        };
        test.admin = test.token(Scope::Admin);
        test
    }

    /// The same data, after the server was stopped and started again.
    pub(crate) fn restarted(self) -> Self {
        let Self {
            server,
            settings,
            today,
            ..
        } = self;
        server.stop();
        let server = Server::start(settings.clone()).unwrap();
        Self {
            server,
            today,
            settings,
            ..self
        }
    }

    pub(crate) fn token(&self, scope: Scope) -> String {
        let file = TokenFile::new(self.data.path().join("tokens.json"));
        let day = TODAY.to_string();
        file.add(vec![scope], None, day).unwrap().secret
    }

    pub(crate) fn request(&self, method: &str, path: &str) -> reqwest::blocking::RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        self.client
            .request(method, format!("{}{path}", self.server.url()))
    }

    pub(crate) fn get(&self, path: &str) -> Response {
        self.request("GET", path).send().unwrap()
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Response {
        self.as_admin("POST", path, body)
    }

    pub(crate) fn as_admin(&self, method: &str, path: &str, body: &Value) -> Response {
        let request = self.request(method, path).bearer_auth(&self.admin);
        request.body(body.to_string()).send().unwrap()
    }

    pub(crate) fn publish(&self, project: &str, packages: &[HashPackage]) -> Vec<PackageId> {
        let body = json!({"project": project, "packages": packages});
        let answer: PublishResponse = ok(self.post("api/v1/packages", &body));
        answer.ids
    }

    pub(crate) fn put(&self, digest: &Digest, data: &[u8]) -> Response {
        let request = self
            .request("PUT", &pool_path(digest))
            .bearer_auth(&self.admin);
        request.body(data.to_vec()).send().unwrap()
    }

    /// The server answers as if nothing had happened.
    pub(crate) fn assert_alive(&self) {
        assert_eq!(self.get("config.json").status(), 200);
    }
}

/// The body of an answer that must be a success.
pub(crate) fn ok<T: DeserializeOwned>(answer: Response) -> T {
    let status = answer.status();
    let text = answer.text().unwrap();
    assert_eq!(status, 200, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// The message of an answer that must be an error in the envelope.
pub(crate) fn error(answer: Response, status: u16, code: ErrorCode) -> String {
    let found = answer.status();
    let text = answer.text().unwrap();
    assert_eq!(found, status, "{text}");
    let body: ErrorBody = serde_json::from_str(&text).unwrap();
    assert_eq!(body.error, code, "{text}");
    assert!(!body.message.is_empty());
    body.message
}

pub(crate) fn header(answer: &Response, name: &str) -> String {
    let value = answer.headers().get(name);
    value
        .map(|value| value.to_str().unwrap().to_owned())
        .unwrap_or_default()
}

pub(crate) fn pool_path(digest: &Digest) -> String {
    format!("pool/sha256/{}", digest.sharded_path())
}

pub(crate) fn digest(text: &str) -> Digest {
    Digest::of(text.as_bytes())
}

/// A package with the file "NAME file", the anchor "NAME anchor" and the hash of "NAME".
pub(crate) fn package(name: &str) -> HashPackage {
    HashPackage {
        url: format!("http://example.org/{name}"),
        files: vec![
            digest(&format!("{name} file")),
            digest(&format!("{name} anchor")),
        ],
        anchors: vec![digest(&format!("{name} anchor"))],
        signatures: [("deb".to_owned(), format!("{name}_1.0+b~1_amd64"))].into(),
        hashes: vec![digest(name).into()],
        attrs: Attributes {
            size: Some(100),
            ..Attributes::default()
        },
        ..HashPackage::default()
    }
}

pub(crate) fn expiring(name: &str, day: &str) -> HashPackage {
    HashPackage {
        expires: day.parse().unwrap(),
        ..package(name)
    }
}
