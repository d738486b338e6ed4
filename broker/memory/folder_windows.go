package memory

import (
	"errors"
	"fmt"
	"syscall"
)

// lockFile takes a lock that ends with the process, however that ends, or with unlock.
func lockFile(name string) (unlock func() error, err error) {
	path, err := syscall.UTF16PtrFromString(name)
	if err != nil {
		return nil, err
	}
	const alone = 0 // shared with nobody
	h, err := syscall.CreateFile(path, syscall.GENERIC_READ|syscall.GENERIC_WRITE, alone, nil, syscall.OPEN_ALWAYS,
		syscall.FILE_ATTRIBUTE_NORMAL, 0)
	if err != nil {
		const sharingViolation = syscall.Errno(32)
		if errors.Is(err, sharingViolation) {
			err = errInUse
		}
		return nil, fmt.Errorf("lock %s: %w", name, err)
	}
	return func() error { return syscall.CloseHandle(h) }, nil
}

// syncFolder does nothing: NTFS writes names with its own log.
func syncFolder(string) error { return nil }
