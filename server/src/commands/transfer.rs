//! `hashserver export` and `hashserver import`: the whole store as lines of JSON.
//!
//! Neither the pool nor the tokens are part of it: those are plain files.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use hashget_store::{SledStore, json_lines};
use reqwest::blocking::{Client, Response};
use url::Url;

use super::{CommandError, DataArgs, open_store};

#[derive(Args)]
pub(super) struct ExportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// Ask the running server at this URL instead of opening the store
    #[arg(long, value_name = "URL", conflicts_with_all = ["data", "settings"])]
    from: Option<Url>,
    /// Token of scope admin, for --from
    #[arg(
        long,
        env = "HASHGET_TOKEN",
        value_name = "TOKEN",
        hide_env_values = true
    )]
    token: Option<String>,
    /// File to write, which gets its name only when it is whole [default: the standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Args)]
pub(super) struct ImportArgs {
    #[command(flatten)]
    data: DataArgs,
    /// File to read [default: the standard input]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
}

pub(super) fn export(args: ExportArgs) -> Result<(), CommandError> {
    let source = match args.from {
        Some(url) => Source::Server(ask(&url, args.token.as_deref())?),
        None => Source::Store(open_store(&args.data.settings()?)?),
    };
    let written = match args.output {
        Some(path) => write_file(source, &path)?,
        None => source.write(&mut BufWriter::new(io::stdout().lock()))?,
    };
    eprintln!("{written} records written");
    Ok(())
}

/// Where the records come from.
enum Source {
    Store(SledStore),
    Server(Response),
}

impl Source {
    fn write(self, out: &mut dyn Write) -> Result<u64, CommandError> {
        match self {
            Self::Store(store) => Ok(json_lines::export(&store, out)?),
            Self::Server(answer) => copy_lines(answer, out),
        }
    }
}

fn write_file(source: Source, path: &Path) -> Result<u64, CommandError> {
    let cannot = |error: io::Error| format!("cannot write {}: {error}", path.display());
    let directory = path
        .parent()
        .filter(|directory| !directory.as_os_str().is_empty());
    let directory = directory.unwrap_or(Path::new("."));
    let mut temp = tempfile::NamedTempFile::new_in(directory).map_err(cannot)?;
    let mut out = BufWriter::new(&mut temp);
    let written = source.write(&mut out)?;
    out.flush().map_err(cannot)?;
    drop(out);
    temp.as_file().sync_all().map_err(cannot)?;
    temp.persist(path).map_err(|error| cannot(error.error))?;
    File::open(directory)
        .and_then(|directory| directory.sync_all())
        .map_err(cannot)?;
    Ok(written)
}

fn ask(server: &Url, token: Option<&str>) -> Result<Response, CommandError> {
    let mut base = server.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    let url = base.join("api/v1/export")?;
    // An export takes as long as it takes.
    let client = Client::builder().timeout(None).build()?;
    let mut request = client.get(url.clone());
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    let answer = request.send()?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    let status = answer.status();
    let mut text = String::new();
    answer.take(1000).read_to_string(&mut text)?;
    Err(format!("{url} answered {status}: {text}").into())
}

/// Copies an answer. One that breaks off is an error: it lacks the end of its last chunk.
fn copy_lines(mut answer: Response, out: &mut dyn Write) -> Result<u64, CommandError> {
    let mut buffer = vec![0; 256 * 1024];
    let mut lines = 0;
    loop {
        let read = answer
            .read(&mut buffer)
            .map_err(|error| format!("the export broke off: {error}"))?;
        if read == 0 {
            out.flush()?;
            return Ok(lines);
        }
        let piece = buffer.get(..read).unwrap_or_default();
        lines += line_ends(piece);
        out.write_all(piece)?;
    }
}

fn line_ends(piece: &[u8]) -> u64 {
    piece.split(|byte| *byte == b'\n').skip(1).count() as u64
}

pub(super) fn import(args: ImportArgs) -> Result<(), CommandError> {
    let settings = args.data.settings()?;
    let mut input: Box<dyn BufRead> = match args.file {
        Some(path) => {
            let file = File::open(&path)
                .map_err(|error| format!("cannot open {}: {error}", path.display()))?;
            Box::new(BufReader::new(file))
        }
        None => Box::new(io::stdin().lock()),
    };
    let store = SledStore::open(&settings.store_path(), super::store_options(&settings))?;
    let stats = json_lines::import(&store, &mut input)?;
    eprintln!("{} records read", stats.records);
    Ok(())
}
