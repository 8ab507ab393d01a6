// Command modzip lays a module out as a module proxy serves it:
//
//	modzip <module> <version> <folder> <license> <where to>
//
// The license is put into the module, as the go command does for a module in a
// folder of a repository that has it at the root.
package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/mod/module"
	"golang.org/x/mod/zip"
)

func main() {
	if len(os.Args) != 6 {
		fmt.Fprintln(os.Stderr, "usage: modzip module version folder license where-to")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2], os.Args[3], os.Args[4], os.Args[5]); err != nil {
		fmt.Fprintln(os.Stderr, "modzip:", err)
		os.Exit(1)
	}
}

func run(path, version, folder, license, to string) error {
	versions := filepath.Join(to, filepath.FromSlash(path), "@v")
	if err := os.MkdirAll(versions, 0o755); err != nil {
		return err
	}
	files, err := filesOf(folder)
	if err != nil {
		return err
	}
	files = append(files, file{path: license, name: "LICENSE"})
	archive, err := os.Create(filepath.Join(versions, version+".zip"))
	if err != nil {
		return err
	}
	if err := zip.Create(archive, module.Version{Path: path, Version: version}, files); err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	for name, content := range map[string]string{
		version + ".mod":  string(mod),
		version + ".info": fmt.Sprintf("{\"Version\":%q}\n", version),
		"list":            version + "\n",
	} {
		if err := os.WriteFile(filepath.Join(versions, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// filesOf are the files of a module, without those of modules inside it.
func filesOf(folder string) ([]zip.File, error) {
	var files []zip.File
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			_, err := os.Stat(filepath.Join(path, "go.mod"))
			if path != folder && err == nil {
				return fs.SkipDir
			}
			return nil
		}
		name, err := filepath.Rel(folder, path)
		files = append(files, file{path: path, name: filepath.ToSlash(name)})
		return err
	})
	return files, err
}

// file is a file on disk, by its name in the module.
type file struct{ path, name string }

func (f file) Path() string                 { return f.name }
func (f file) Lstat() (fs.FileInfo, error)  { return os.Lstat(f.path) }
func (f file) Open() (io.ReadCloser, error) { return os.Open(f.path) }
