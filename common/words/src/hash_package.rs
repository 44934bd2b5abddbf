//! The record of one package: its URL, and the digests of its files.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use serde_json::{Map, Value};

use crate::digest::{Digest, HashSpec};
use crate::expiry::Expiry;
use crate::package_url::has_password;
use crate::signature::Signature;

/// The record of one package, in the original's JSON form (`docs/format.md`).
///
/// Records of any age are read: every member but `url` may be missing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HashPackage {
    /// Where the package can be downloaded; may be an opaque name that only a pool knows.
    pub url: String,
    /// Distinct digests of the files inside that are larger than `attrs.filesz`.
    #[serde(default, with = "sha256_specs")]
    pub files: Vec<Digest>,
    /// Distinct digests of the files inside that are larger than `attrs.anchorsz`, or were
    /// forced to be anchors.
    #[serde(default, with = "sha256_specs")]
    pub anchors: Vec<Digest>,
    /// The signatures, value by type.
    #[serde(default)]
    pub signatures: BTreeMap<String, String>,
    /// Hashes of the package file itself.
    #[serde(default)]
    pub hashes: Vec<HashSpec>,
    /// Sizes and dates.
    #[serde(default)]
    pub attrs: Attributes,
    /// Until when the package may be relied on.
    #[serde(default)]
    pub expires: Expiry,
}

/// The measurements of a package; any of them may be unknown.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Attributes {
    /// The size of the package file, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// Files larger than this many bytes are in `files`. Negative (the original's way to say
    /// that no file is indexed) or a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filesz: Option<i64>,
    /// Files larger than this many bytes are in `anchors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub anchorsz: Option<i64>,
    /// The sizes of all files inside, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sum_size: Option<u64>,
    /// The sizes of all indexed files inside, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub indexed_size: Option<u64>,
    /// When the package was indexed, `YYYY-MM-DD HH:MM:SS`, local time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crawled_date: Option<String>,
    /// What else was set.
    #[serde(flatten)]
    pub other: Map<String, Value>,
}

impl HashPackage {
    /// What of the record would tell a name or password to everybody: its URL, or a signature that is one.
    pub fn password_in(&self) -> Option<&str> {
        let signatures = self.signatures.values();
        let mut texts = [&self.url]
            .into_iter()
            .chain(signatures)
            .map(String::as_str);
        texts.find(|text| has_password(text))
    }

    /// The SHA-256 of the package file, if the record has it.
    pub fn digest(&self) -> Option<Digest> {
        self.hashes.iter().find_map(HashSpec::sha256)
    }

    /// The last part of the URL, without query and fragment: `wordpress-5.1.1.zip`.
    pub fn name(&self) -> &str {
        url_name(&self.url)
    }

    /// Whether the record carries `signature`.
    pub fn has_signature(&self, signature: &Signature) -> bool {
        self.signatures
            .get(signature.kind())
            .is_some_and(|value| value == signature.value())
    }

    /// Every signature that is well formed.
    pub fn signatures(&self) -> impl Iterator<Item = Signature> {
        self.signatures
            .iter()
            .filter_map(|(kind, value)| Signature::new(kind, value).ok())
    }

    /// Every digest that this record can be found by, sorted, each once: of the files, the
    /// anchors and the package itself.
    pub fn all_digests(&self) -> Vec<Digest> {
        let own = self.hashes.iter().filter_map(HashSpec::sha256);
        let mut all: Vec<Digest> = self
            .files
            .iter()
            .chain(&self.anchors)
            .copied()
            .chain(own)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Whether a hashserver answers `a/<digest>` with this record: the digest is an anchor or
    /// the package's own.
    pub fn is_anchored_by(&self, digest: &Digest) -> bool {
        self.anchors.contains(digest) || self.hashes.contains(&HashSpec::Sha256(*digest))
    }

    /// Whether the URL is one that can be fetched (`http` or `https`) rather than a mere name.
    pub fn is_downloadable(&self) -> bool {
        is_http(&self.url)
    }

    /// Sets an attribute by its name in JSON, `expires` included. `null`, or `never` for
    /// `expires`, takes it away.
    pub fn set_attribute(&mut self, name: &str, value: &Value) -> Result<(), serde_json::Error> {
        if name == "expires" {
            self.expires = match value.as_str() {
                Some(text) => text.parse().map_err(de::Error::custom)?,
                None => serde_json::from_value(value.clone())?,
            };
            return Ok(());
        }
        let mut attributes = serde_json::to_value(&self.attrs)?;
        if let Some(members) = attributes.as_object_mut() {
            members.insert(name.to_owned(), value.clone());
            members.retain(|_, value| !value.is_null());
        }
        self.attrs = serde_json::from_value(attributes)?;
        Ok(())
    }
}

/// The last part of a URL, without query and fragment.
pub fn url_name(url: &str) -> &str {
    let end = if is_http(url) {
        url.find(['?', '#']).unwrap_or(url.len())
    } else {
        url.len()
    };
    let path = url[..end].trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

/// Whether a URL is of a scheme that is downloaded.
pub fn is_http(url: &str) -> bool {
    url.split_once("://").is_some_and(|(scheme, _)| {
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
    })
}

/// Digests written as `sha256:…`.
mod sha256_specs {
    use super::{Deserialize, Deserializer, Digest, HashSpec, Serializer, de};

    pub(super) fn serialize<S: Serializer>(
        digests: &[Digest],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(digests.iter().copied().map(HashSpec::Sha256))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Digest>, D::Error> {
        let specs = Vec::<HashSpec>::deserialize(deserializer)?;
        let sha256 = |spec: HashSpec| {
            spec.sha256()
                .ok_or_else(|| de::Error::custom(format_args!("{spec} is not a sha256 hashspec")))
        };
        specs.into_iter().map(sha256).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn sample() -> HashPackage {
        HashPackage {
            url: "http://example.org/pool/vim_8.0_amd64.deb".to_owned(),
            files: vec![Digest::of(b"a"), Digest::of(b"b")],
            anchors: vec![Digest::of(b"b")],
            signatures: [("deb".to_owned(), "vim_8.0_amd64".to_owned())].into(),
            hashes: vec![Digest::of(b"deb").into(), HashSpec::Md5([7; 16])],
            attrs: Attributes {
                size: Some(12),
                ..Attributes::default()
            },
            expires: Expiry::On(date(2030, 1, 1)),
        }
    }

    #[test]
    fn json_round_trips() {
        let json = serde_json::to_string(&sample()).unwrap();
        assert_eq!(
            serde_json::from_str::<HashPackage>(&json).unwrap(),
            sample()
        );
    }

    #[test]
    fn a_record_with_members_missing_is_read() {
        let old: HashPackage =
            serde_json::from_str(r#"{"url": "x", "attrs": {"mood": 1}}"#).unwrap();
        assert!(old.expires.is_never() && old.files.is_empty() && old.digest().is_none());
        assert_eq!(old.attrs.other["mood"], 1);
    }

    #[test]
    fn md5_is_only_for_the_package_itself() {
        let json = format!(r#"{{"url": "x", "files": ["md5:{}"]}}"#, "0".repeat(32));
        let error = serde_json::from_str::<HashPackage>(&json).unwrap_err();
        assert!(
            error.to_string().contains("not a sha256 hashspec"),
            "{error}"
        );
    }

    #[test]
    fn names_are_the_urls_last_part() {
        for (url, name) in [
            ("http://example.org/a/b.zip?x=/1", "b.zip"),
            ("http://example.org/dir/", "dir"),
            ("glacier-7", "glacier-7"),
            ("glacier:a?b", "glacier:a?b"),
        ] {
            assert_eq!(url_name(url), name);
        }
    }

    #[test]
    fn all_digests_are_sorted_and_distinct() {
        let all = sample().all_digests();
        assert_eq!(all.len(), 3);
        assert!(all.is_sorted());
        assert!(sample().is_anchored_by(&Digest::of(b"deb")));
        assert!(!sample().is_anchored_by(&Digest::of(b"a")));
    }

    #[test]
    fn attributes_are_set_by_name() {
        let mut package = sample();
        package.set_attribute("expires", &Value::Null).unwrap();
        assert!(package.expires.is_never());
        package.set_attribute("size", &Value::from(99)).unwrap();
        assert_eq!(package.attrs.size, Some(99));
        package.set_attribute("note", &Value::from("x")).unwrap();
        assert_eq!(package.attrs.other["note"], "x");
        assert!(package.set_attribute("size", &Value::from("big")).is_err());
        assert_eq!(package.attrs.size, Some(99));
    }
}
