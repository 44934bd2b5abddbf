use hashget_tests::compression::Compression;
use hashget_tests::deb_builder::{DebBuilder, ar};
use hashget_tests::tar_builder::TarBuilder;

use super::*;

fn package() -> DebBuilder {
    DebBuilder::new()
        .control("Package: demo\n")
        .control_file("postinst", "#!/bin/sh\n")
        .file("usr/bin/demo", "a program")
        .symlink("usr/bin/d", "demo")
}

#[test]
fn control_and_data_of_every_compression() {
    for compression in Compression::ALL {
        let (kind, seen) = list(&package().compression(compression).build()).unwrap();
        assert_eq!(kind, ArchiveKind::Deb);
        assert_eq!(
            summary(&seen),
            [
                "./control: Package: demo\n",
                "./postinst: #!/bin/sh\n",
                "./",
                "./usr/bin/demo: a program",
                "./usr/bin/d"
            ]
        );
        let origins: Vec<_> = seen.iter().map(|seen| seen.entry.origin).collect();
        let (control, member) = (Origin::DebControl, Origin::Member);
        assert_eq!(origins, [control, control, member, member, member]);
    }
}

/// A truncated package gave short data with Ok in the `ar` crate.
#[test]
fn ar_short_read_is_an_error() {
    let content = vec![7; 100_000];
    let deb = DebBuilder::new()
        .compression(Compression::Plain)
        .file("a", content)
        .build();
    for cut in [deb.len() - 1, deb.len() - 1500, deb.len() / 2] {
        let error = archive_error(list(&deb[..cut]));
        assert!(matches!(error, ArchiveError::Truncated { .. }), "{error}");
    }
}

#[test]
fn extra_members_are_passed_over() {
    let tar = TarBuilder::new().file("./a", "x").build();
    let deb = ar(&[
        ("debian-binary", b"2.0\n"),
        ("_extra", b"odd"),
        ("control.tar", &tar),
        ("data.tar/", &tar),
        ("_gpgorigin", b"signature"),
    ]);
    let (_, seen) = list(&deb).unwrap();
    assert_eq!(summary(&seen), ["./a: x", "./a: x"]);
}

#[test]
fn missing_and_double_members_are_errors() {
    let tar = TarBuilder::new().build();
    let format: (&str, &[u8]) = ("debian-binary", b"2.0\n");
    let control: (&str, &[u8]) = ("control.tar", &tar);
    let data: (&str, &[u8]) = ("data.tar", &tar);
    assert!(list(&ar(&[format, control, data])).is_ok());
    assert!(list(&ar(&[format, control])).is_err());
    assert!(list(&ar(&[format, data])).is_err());
    assert!(list(&ar(&[format, control, data, data])).is_err());
    assert!(list(&ar(&[format, control, ("data.tar", b"no tar")])).is_err());
}

#[test]
fn what_is_missing_is_named() {
    let tar = TarBuilder::new().build();
    let format: (&str, &[u8]) = ("debian-binary", b"2.0\n");
    for (there, missing) in [("control.tar", "data.tar"), ("data.tar", "control.tar")] {
        let error = archive_error(list(&ar(&[format, (there, &tar)]))).to_string();
        assert!(error.contains(&format!("no {missing} member")), "{error}");
    }
}

#[test]
fn ar_long_names_of_bsd_and_gnu_are_read() {
    let tar = TarBuilder::new().file("./a", "x").build();
    let long = |name: &str| [name.as_bytes(), &tar].concat();
    let bsd = ar(&[
        ("#1/13", b"debian-binary2.0\n"),
        ("#1/12", &long("control.tar\0")),
        ("#1/8", &long("data.tar")),
    ]);
    let gnu = ar(&[
        ("debian-binary/", b"2.0\n"),
        ("//", b"control.tar/\ndata.tar/\n"),
        ("/0", &tar),
        ("/13", &tar),
        ("/", b"a table of symbols"),
    ]);
    for deb in [bsd, gnu] {
        let (kind, seen) = list(&deb).unwrap();
        assert_eq!(kind, ArchiveKind::Deb);
        assert_eq!(summary(&seen), ["./a: x", "./a: x"]);
    }
}

/// The `ar` crate allocates a table of names as large as it is declared, and panics on a number
/// beyond it.
#[test]
fn impossible_ar_long_names_are_refused() {
    let tar = TarBuilder::new().build();
    for name in ["/99999999", "#1/9999999999", "#1/x", "#1/1025", "#1/2"] {
        let deb = ar(&[
            ("debian-binary", b"2.0\n"),
            (name, b"x"),
            ("control.tar", &tar),
            ("data.tar", &tar),
        ]);
        let error = archive_error(list(&deb));
        assert!(
            matches!(error, ArchiveError::Corrupt { .. }),
            "{name}: {error}"
        );
    }
}

#[test]
fn ar_headers_that_are_no_numbers_are_errors() {
    let tar = TarBuilder::new().build();
    let deb = ar(&[
        ("debian-binary", b"2.0\n"),
        ("control.tar", &tar),
        ("data.tar", &tar),
    ]);
    let second = 8 + 60 + 4;
    for field in [16..28, 48..58] {
        let mut broken = deb.clone();
        broken[second + field.start..second + field.end].fill(b'z');
        assert!(matches!(
            archive_error(list(&broken)),
            ArchiveError::Corrupt { .. }
        ));
    }
}
