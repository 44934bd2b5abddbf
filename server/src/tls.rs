//! TLS: the certificate, and its renewal without a restart.

use std::fs::{File, metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, version};
use thiserror::Error;

use crate::settings::TlsFiles;

/// What can be wrong with the files of TLS.
#[derive(Debug, Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file of the certificate or the key.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// A file is no PEM, or holds something else.
    #[error("cannot understand {}", path.display())]
    Parse {
        /// The file of the certificate or the key.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: pem::Error,
    },
    /// There is no certificate.
    #[error("there is no certificate in {}", path.display())]
    Empty {
        /// The file of the certificate.
        path: PathBuf,
    },
    /// The key cannot be used, or is not that of the certificate.
    #[error("the key {} cannot be used with the certificate {}", key.display(), certificate.display())]
    Key {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
        /// What is wrong.
        #[source]
        source: rustls::Error,
    },
    /// The library cannot be set up.
    #[error("cannot set up TLS")]
    Setup(#[source] rustls::Error),
}

/// When the files were last replaced or written.
type Stamps = [Option<(u64, i64, i64)>; 2];

/// The certificate in use; it can be replaced at any time.
#[derive(Debug)]
pub(crate) struct Certificates {
    files: TlsFiles,
    current: RwLock<Arc<CertifiedKey>>,
    stamps: Mutex<Stamps>,
}

impl Certificates {
    /// Reads the files.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let stamps = stamps(&files);
        let current = RwLock::new(Arc::new(read(&files)?));
        Ok(Self {
            files,
            current,
            stamps: Mutex::new(stamps),
        })
    }

    /// Reads the files again. At an error the old certificate stays.
    pub(crate) fn reload(&self) -> Result<(), TlsError> {
        let found = stamps(&self.files);
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) = found;
        let new = Arc::new(read(&self.files)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// Whether the files are not those that were read last.
    pub(crate) fn have_changed(&self) -> bool {
        *self.stamps.lock().unwrap_or_else(PoisonError::into_inner) != stamps(&self.files)
    }
}

/// How TLS is spoken: versions 1.2 and 1.3, no client certificates.
pub(crate) fn config(certificates: Arc<Certificates>) -> Result<ServerConfig, TlsError> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&version::TLS13, &version::TLS12])
        .map_err(TlsError::Setup)?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    Ok(config)
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Some(Arc::clone(&current))
    }
}

fn read(files: &TlsFiles) -> Result<CertifiedKey, TlsError> {
    let TlsFiles { certificate, key } = files;
    let chain = CertificateDer::pem_reader_iter(open(certificate)?)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|source| parse_error(certificate, source))?;
    if chain.is_empty() {
        let path = certificate.clone();
        return Err(TlsError::Empty { path });
    }
    let private =
        PrivateKeyDer::from_pem_reader(open(key)?).map_err(|source| parse_error(key, source))?;
    // A key of another certificate is refused here: a renewal caught between its two files.
    CertifiedKey::from_der(chain, private, &aws_lc_rs::default_provider()).map_err(|source| {
        TlsError::Key {
            certificate: certificate.clone(),
            key: key.clone(),
            source,
        }
    })
}

fn open(path: &Path) -> Result<File, TlsError> {
    File::open(path).map_err(|source| TlsError::Read {
        path: path.to_owned(),
        source,
    })
}

fn parse_error(path: &Path, source: pem::Error) -> TlsError {
    let path = path.to_owned();
    TlsError::Parse { path, source }
}

fn stamps(files: &TlsFiles) -> Stamps {
    [&files.certificate, &files.key].map(|path| {
        let found = metadata(path).ok()?;
        Some((found.ino(), found.mtime(), found.mtime_nsec()))
    })
}
