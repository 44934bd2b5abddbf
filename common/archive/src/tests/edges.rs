//! Every limit at its edge: what is just within is read, what is just beyond is refused by name, and an
//! archive that its user names has no limits at all.

use std::fmt::Write as _;

use hashget_tests::compression::Compression as Packing;
use hashget_tests::tar_builder::{TarBuilder, pax_record};

use super::*;

/// A limit with an archive that needs exactly `needed` of it.
struct Edge {
    kind: LimitKind,
    archive: Vec<u8>,
    needed: u64,
    set: fn(&mut Limits, u64),
    /// Whether only the nested archive is refused, which does not fail the reading.
    nested: bool,
}

fn edge(kind: LimitKind, archive: Vec<u8>, needed: u64, set: fn(&mut Limits, u64)) -> Edge {
    Edge {
        kind,
        archive,
        needed,
        set,
        nested: false,
    }
}

fn sparse(size: u64, extents: &[(u64, u64)]) -> Vec<u8> {
    let mut map = String::new();
    for (offset, length) in extents {
        write!(
            map,
            "{}{offset},{length}",
            if map.is_empty() { "" } else { "," }
        )
        .unwrap();
    }
    let size = size.to_string();
    let records: &[(&str, &[u8])] = &[
        ("GNU.sparse.size", size.as_bytes()),
        ("GNU.sparse.map", map.as_bytes()),
    ];
    let data: u64 = extents.iter().map(|(_, length)| length).sum();
    let data = vec![b'd'; usize::try_from(data).unwrap()];
    TarBuilder::new().pax(records).file("f", data).build()
}

fn edges() -> Vec<Edge> {
    let two = TarBuilder::new().file("a", "").file("b", "").build();
    let zeros = Packing::Gzip.compress(&vec![0; 3_000_000]);
    let ratio = 3_000_000_u64.div_ceil(zeros.len() as u64);
    let xattr = pax_record("SCHILY.xattr.user.a", &[b'v'; 5000]);
    let extended = TarBuilder::new()
        .pax(&[("SCHILY.xattr.user.a", &[b'v'; 5000])])
        .file("f", "")
        .build();
    let global = TarBuilder::new().member(b'g', "g", "", pax_record("path", &[b'p'; 900]));
    let inner = TarBuilder::new().file("deep", "x").build();
    let nested = |kind, needed, set| Edge {
        nested: true,
        ..edge(
            kind,
            TarBuilder::new().file("in.tar", &inner).build(),
            needed,
            set,
        )
    };
    let xz = liblzma::encode_all([1; 1000].as_slice(), 6).unwrap();
    let window = (1..=64).find(|mib| {
        let limits = Limits {
            max_decoder_memory: mib << 20,
            ..Limits::default()
        };
        read(&xz, limits).is_ok()
    });
    vec![
        edge(LimitKind::Entries, two, 2, |limits, n| {
            limits.max_entries = n;
        }),
        edge(
            LimitKind::TotalBytes,
            zeros.clone(),
            3_000_000,
            |limits, n| {
                limits.max_total_bytes = n;
            },
        ),
        edge(
            LimitKind::HoleBytes,
            sparse(9000, &[(4096, 10)]),
            8990,
            |limits, n| {
                limits.max_hole_bytes = n;
            },
        ),
        edge(LimitKind::Ratio, zeros, ratio, |limits, n| {
            limits.max_ratio = n;
            limits.ratio_free_bytes = 1000;
        }),
        edge(
            LimitKind::ExtensionBytes,
            extended,
            xattr.len() as u64,
            |limits, n| {
                limits.max_extension_bytes = n;
            },
        ),
        edge(
            LimitKind::GlobalBytes,
            global.file("f", "").build(),
            900,
            |limits, n| {
                limits.max_global_bytes = n;
            },
        ),
        edge(
            LimitKind::SparseExtents,
            sparse(50, &[(0, 1), (9, 1), (20, 2)]),
            3,
            |limits, n| {
                limits.max_sparse_extents = n;
            },
        ),
        edge(
            LimitKind::DecoderMemory,
            xz,
            window.unwrap(),
            |limits, n| {
                limits.max_decoder_memory = n << 20;
            },
        ),
        nested(LimitKind::Depth, 1, |limits, n| {
            limits.max_depth = u32::try_from(n).unwrap();
        }),
        nested(
            LimitKind::SpoolBytes,
            inner.len() as u64 + 1,
            |limits, n| {
                limits.max_spool_bytes = n;
            },
        ),
    ]
}

/// Reads all of an archive; what nested archives were refused for counts, too.
fn read(archive: &[u8], limits: Limits) -> Result<(), String> {
    use std::sync::{Arc, Mutex};
    let nested = Arc::new(Mutex::new(None));
    let told = Arc::clone(&nested);
    let options = ArchiveOptions {
        limits,
        on_problem: Some(Arc::new(move |problem| {
            *told.lock().unwrap() = Some(problem.to_string());
        })),
        ..recursive()
    };
    list_with(archive, &options).map_err(|error| error.to_string())?;
    let nested = nested.lock().unwrap().take();
    nested.map_or(Ok(()), Err)
}

#[test]
fn every_limit_holds_at_its_edge_and_is_named_with_its_setting() {
    for edge in edges() {
        let within = |needed| {
            let mut limits = Limits::default();
            (edge.set)(&mut limits, needed);
            read(&edge.archive, limits)
        };
        assert_eq!(within(edge.needed), Ok(()), "{}", edge.kind);
        let refused = within(edge.needed - 1).unwrap_err();
        let setting = format!("`package_limits.{}`", edge.kind);
        assert!(refused.contains(&setting), "{setting}: {refused}");
        assert!(edge.nested || limit_of(&edge).is_some(), "{}", edge.kind);
    }
}

fn limit_of(edge: &Edge) -> Option<LimitKind> {
    let mut limits = Limits::default();
    (edge.set)(&mut limits, edge.needed - 1);
    let options = ArchiveOptions {
        limits,
        ..recursive()
    };
    match archive_error(list_with(&edge.archive, &options)) {
        ArchiveError::Limit { limit, .. } if limit == edge.kind => Some(limit),
        _ => None,
    }
}

#[test]
fn an_archive_of_ones_own_has_no_limits() {
    for edge in edges() {
        assert_eq!(read(&edge.archive, Limits::none()), Ok(()), "{}", edge.kind);
    }
}

#[test]
fn what_the_writer_writes_beyond_every_limit_is_read_back() {
    let value = vec![b'v'; 600_000];
    let xattrs = (0..3).map(|i| (format!("user.a{i}").into_bytes(), value.clone()));
    let xattrs: Vec<_> = xattrs.collect();
    let header = TarHeader {
        path: b"attributes".to_vec(),
        kind: EntryKind::File,
        size: 1,
        metadata: EntryMetadata {
            xattrs: xattrs.clone(),
            ..EntryMetadata::default()
        },
    };
    let extents: Vec<(u64, u64)> = (0..1_000_001).map(|i| (i * 8192, 1)).collect();
    let holes = TarHeader {
        path: b"image".to_vec(),
        kind: EntryKind::File,
        size: 1_000_001 * 8192,
        metadata: EntryMetadata {
            sparse: Some(extents),
            ..EntryMetadata::default()
        },
    };
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(27).unwrap();
    let mut tar = TarWriter::new(encoder);
    tar.append(&header, &mut &b"x"[..]).unwrap();
    tar.append(&holes, &mut io::repeat(b'd')).unwrap();
    let packed = tar.finish().unwrap().finish().unwrap();
    let mut seen = Vec::new();
    let options = ArchiveOptions {
        require_end: true,
        ..ArchiveOptions::own()
    };
    read_archive(
        Input::Stream(&mut &packed[..]),
        &options,
        &mut |entry, _| {
            let extents = entry.metadata.sparse.as_ref().map(Vec::len);
            seen.push((entry.metadata.xattrs.clone(), extents));
            Ok::<_, io::Error>(())
        },
    )
    .unwrap();
    assert_eq!(seen, [(xattrs, None), (Vec::new(), Some(1_000_001))]);
    let error = list(&packed).unwrap_err().to_string();
    assert!(
        error.contains("`package_limits.max_extension_bytes`"),
        "{error}"
    );
}

#[test]
fn a_stream_of_entries_ends_at_the_limit() {
    struct Endless {
        member: Vec<u8>,
        at: usize,
    }
    impl Read for Endless {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = (&self.member[self.at..]).read(buffer)?;
            self.at = (self.at + count) % self.member.len();
            Ok(count)
        }
    }
    let mut member = TarBuilder::new().file("f", "").build();
    member.truncate(512);
    let options = ArchiveOptions {
        limits: Limits {
            max_entries: 100_000,
            ..Limits::default()
        },
        ..ArchiveOptions::default()
    };
    let mut entries = 0;
    let mut endless = Endless { member, at: 0 };
    let read = read_archive(Input::Stream(&mut endless), &options, &mut |_, _| {
        entries += 1;
        Ok::<_, io::Error>(())
    });
    assert_eq!(entries, 100_000);
    let error = read.unwrap_err().to_string();
    assert!(error.contains("max_entries"), "{error}");
}
