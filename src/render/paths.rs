//! Files as a forge knows them: beneath the repository's root, with forward slashes.

use std::path::{Component, Path, PathBuf};

/// Where the run stands, resolved by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Paths {
    /// The working directory, absolute.
    pub current: PathBuf,
    /// The root of the repository around it; the working directory where there is none.
    pub root: PathBuf,
}

impl Paths {
    /// A file's name as the user gave it, as a path beneath the root. A file outside of it, or no file at all such
    /// as `<stdin>`, stays as it was named.
    pub fn relative(&self, name: &str) -> String {
        if name.starts_with('<') {
            return name.to_owned();
        }
        let path = normal(&self.current.join(name));
        match path.strip_prefix(&self.root) {
            Ok(beneath) => slashes(beneath),
            Err(_) => slashes(&normal(Path::new(name))),
        }
    }
}

/// Without `.`, and without `..` where something stands before it. Links are not followed: a forge does not either.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if normal.file_name().is_some() => {
                normal.pop();
            }
            Component::ParentDir | Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                normal.push(part);
            }
        }
    }
    normal
}

fn slashes(path: &Path) -> String {
    path.display().to_string().replace(std::path::MAIN_SEPARATOR, "/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_from_the_repositorys_root() {
        let paths = Paths { current: "/repo/infra".into(), root: "/repo".into() };
        assert_eq!(paths.relative("keys.yaml"), "infra/keys.yaml");
        assert_eq!(paths.relative("./teams/../keys.yaml"), "infra/keys.yaml");
        assert_eq!(paths.relative("../keys.yaml"), "keys.yaml");
        assert_eq!(paths.relative("/repo/a/keys.yaml"), "a/keys.yaml");
    }

    #[test]
    fn a_file_that_the_repository_does_not_hold_keeps_its_name() {
        let paths = Paths { current: "/repo".into(), root: "/repo".into() };
        assert_eq!(paths.relative("/etc/keys.yaml"), "/etc/keys.yaml");
        assert_eq!(paths.relative("../keys.yaml"), "../keys.yaml");
        assert_eq!(paths.relative("<stdin>"), "<stdin>");
    }
}
