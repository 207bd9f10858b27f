//! The packages of the ordinary build: what is in them, that they are the same twice, and that they run when unpacked.

use super::*;

/// The program beside this test.
fn program() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.parent().and_then(Path::parent).unwrap().join("carillon");
    assert!(path.exists(), "{} is missing: cargo build --workspace --bin carillon", path.display());
    path
}

fn output(program: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(arguments);
    String::from_utf8(process::run(command, DEADLINE).unwrap().stdout).unwrap()
}

/// Mode, owner and path of every entry of `tar`'s listing.
fn entries(listing: &str) -> Vec<(String, String, String)> {
    let lines = listing.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    lines.map(|words| (words[0].to_owned(), words[1].to_owned(), words[5].to_owned())).collect()
}

#[track_caller]
fn has(entries: &[(String, String, String)], mode: &str, path: &str) {
    let found = entries.iter().find(|entry| entry.2 == path);
    let found = found.unwrap_or_else(|| panic!("{path} is missing: {entries:#?}"));
    assert_eq!((found.0.as_str(), found.1.as_str()), (mode, found.1.as_str()), "{path}");
    assert!(["root/root", "0/0"].contains(&found.1.as_str()), "{path} belongs to {}", found.1);
}

#[test]
fn the_package_holds_a_program_a_service_and_settings_and_runs_when_unpacked() {
    let folder = tempfile::tempdir().unwrap();
    let release = Release::of(&program(), true).unwrap();
    let package = release.package(folder.path()).unwrap();
    let shown = package.display().to_string();
    let listed = entries(&output("dpkg-deb", &["--contents", &shown]));
    has(&listed, "-rwxr-xr-x", "./usr/bin/carillon");
    has(&listed, "-rw-r--r--", "./lib/systemd/system/carillon.service");
    has(&listed, "-rw-r-----", "./etc/carillon/carillon.toml");
    has(&listed, "-rw-r--r--", "./usr/share/doc/carillon/copyright");
    has(&listed, "-rw-r--r--", "./usr/share/doc/carillon/manual/doctor.md");
    has(&listed, "drwxr-xr-x", "./usr/bin/");
    let field = |name: &str| output("dpkg-deb", &["--field", &shown, name]).trim().to_owned();
    assert_eq!(field("Package"), "carillon");
    assert_eq!(field("Version"), env!("CARGO_PKG_VERSION"));
    assert!(field("Depends").starts_with("libc6 (>= 2."), "{}", field("Depends"));

    let root = folder.path().join("installed");
    output("dpkg-deb", &["--extract", &shown, root.to_str().unwrap()]);
    output("dpkg-deb", &["--control", &shown, folder.path().join("scripts").to_str().unwrap()]);
    assert_eq!(fs::read_to_string(folder.path().join("scripts/conffiles")).unwrap(), "/etc/carillon/carillon.toml\n");
    for script in ["postinst", "prerm", "postrm"] {
        output("sh", &["-n", folder.path().join("scripts").join(script).to_str().unwrap()]);
    }
    // The settings are of this version, and an installation is made with them; only the folder is another here.
    let (installed, settings) = (root.join("usr/bin/carillon"), root.join("etc/carillon/carillon.toml"));
    let data = folder.path().join("data");
    let common = ["--config", settings.to_str().unwrap(), "--data", data.to_str().unwrap()];
    let installed = installed.to_str().unwrap();
    let checked = output(installed, &[&["config", "check"], &common[..]].concat());
    assert!(checked.contains("journald") && checked.contains("the settings are right"), "{checked}");
    output(installed, &[&["init"], &common[..]].concat());
    assert!(data.join("carillon.db").exists());
    let unit = fs::read_to_string(root.join("lib/systemd/system/carillon.service")).unwrap();
    for line in ["Type=notify", "Restart=always", "WatchdogSec=30", "User=carillon", "NoNewPrivileges=yes"] {
        assert!(unit.lines().any(|there| there == line), "the unit lacks {line}");
    }
}

#[test]
fn the_tarball_holds_all_that_a_machine_needs() {
    let folder = tempfile::tempdir().unwrap();
    let release = Release::of(&program(), true).unwrap();
    let tarball = release.tarball(folder.path()).unwrap();
    let name = format!("carillon-{}-{}-linux", release.version, release.architecture);
    assert_eq!(tarball.file_name().unwrap().to_str().unwrap(), format!("{name}.tar.gz"));
    let listed = entries(&output("tar", &["-tvzf", tarball.to_str().unwrap()]));
    has(&listed, "-rwxr-xr-x", &format!("{name}/carillon"));
    for file in ["LICENSE", "README.md", "carillon.service", "carillon.toml", "THIRD-PARTY", "manual/README.md"] {
        has(&listed, "-rw-r--r--", &format!("{name}/{file}"));
    }
}

#[test]
fn the_same_commit_gives_the_same_bytes() {
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    // What is packed matters here, not how large it is.
    let binary = folders[0].path().join("true");
    fs::copy("/bin/true", &binary).unwrap();
    let [first, second] = folders.each_ref().map(|folder| {
        let release = Release::of(&binary, true).unwrap();
        let files = [release.tarball(folder.path()).unwrap(), release.package(folder.path()).unwrap()];
        files.map(|path| fs::read(path).unwrap())
    });
    assert!(first == second, "two packings differ");
}

#[test]
fn systemd_understands_the_unit_and_finds_it_closed() {
    let folder = tempfile::tempdir().unwrap();
    let overall = check_unit(folder.path()).unwrap();
    assert!(overall.contains("carillon.service"), "{overall}");
}
