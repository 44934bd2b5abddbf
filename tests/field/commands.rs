//! The spelling of command lines.

use crate::case::{Case, Need, cases, nothing_more, run};

cases! {
    an_option_of_one_value_swallows_no_operand: Case {
        report: 901,
        title: "`verify --hashserver URL ARCHIVE` took the archive for a second hashserver",
        needs: &[],
        input: |scene| scene.write("tree/a", "one"),
        steps: vec![
            run("hashget pack --no-heuristics --no-hashserver tree -f a.tgz").says("packed into"),
            run("hashget verify --no-hashserver --pool pool a.tgz").says("Verified 0/0 packages"),
            run("hashget restore --pool pool a.tgz out").says("Extracted"),
        ],
        check: |scene| assert_eq!(std::fs::read(scene.path("out/a")).unwrap(), b"one"),
    },
    an_archive_named_gz_is_gzip: Case {
        report: 902,
        title: "`-f backup.tar.gz` without `-z` made a plain tar under that name",
        needs: &[Need::Program("gzip")],
        input: |scene| scene.write("tree/a", "one"),
        steps: vec![
            run("hashget pack tree -f a.tar.gz --no-heuristics --no-hashserver"),
            run("gzip -t a.tar.gz"),
            run("hashget --pack tree -f b.tar.gz --heuristics --hashserver"),
            run("gzip -t b.tar.gz"),
        ],
        check: nothing_more,
    },
    both_spellings_make_the_same_archive: Case {
        report: 903,
        title: "a script of the Python hashget and today's commands do the same",
        needs: &[Need::Program("cmp")],
        input: |scene| {
            scene.write("tree/a", "one");
            scene.write("tree/tmp/b", "two");
        },
        steps: vec![
            run("hashget --hashserver --exclude tmp -zfold.tgz --heuristics --pack tree"),
            run("hashget pack tree --exclude tmp -f new.tgz --no-heuristics"),
            run("cmp old.tgz new.tgz"),
            run("hashget -qu old.tgz -C out --hashserver --pool"),
        ],
        check: |scene| assert!(scene.path("out/a").exists() && !scene.path("out/tmp").exists()),
    },
    a_misspelt_job_gets_the_nearest_name: Case {
        report: 904,
        title: "`hashget --pak DIR` and `hashget pakc DIR` say what was probably meant",
        needs: &[],
        input: |_| {},
        steps: vec![
            run("hashget --pak tree -f a.tgz").ends(2).says("'--pack'"),
            run("hashget pakc tree -f a.tgz").ends(2).says("'pack'"),
            run("hashget").ends(2).says("hashget pack DIR"),
        ],
        check: nothing_more,
    },
}
