package memory

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A journal is one file at a time: <folder>/<generation>.journal. It begins with all that lived when it was made, and
// goes on with what changed since. Rewriting makes the next generation beside it under another name, which it loses
// only when it is whole and on disk; so the file with the highest generation is always the one to read.
//
//	header  "MADANGJ", version (1 byte); salt (8 bytes); base (8 bytes): how much of the file was written when it was
//	        made; CRC32C of these (4 bytes)
//	frames  salt; length of the records (4 bytes); CRC32C of the length and the records; records
//
// All numbers are little endian. A frame is what was written at once. The next one is written only after it is on disk,
// so a frame that is not whole is where writing was cut off if nothing whole follows it, and damage otherwise. The salt
// is random, so that no message can contain a frame.
const (
	fileMagic   = "MADANGJ"
	fileVersion = 1
	headerSize  = 8 + 8 + 8 + 4
	frameHead   = 8 + 4 + 4
	frameSize   = 1 << 20 // of rewriting: about

	fileSuffix = ".journal"
	tempSuffix = ".new"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged: see its text.
var errDamaged = errors.New("the journal is damaged. Restore it from a copy, or move its folder away and start without the messages " +
	"that waited in it (rooms' states and accounts are in the store)")

// file is what a journal wants of an os.File.
type file interface {
	io.Writer
	io.WriterAt
	Sync() error
	Close() error
}

func openFile(name string, flag int) (file, error) {
	return os.OpenFile(name, flag|os.O_WRONLY, 0o600)
}

// fillFrame writes the head of a frame whose records begin at frameHead.
func fillFrame(frame []byte, salt []byte) {
	copy(frame, salt)
	binary.LittleEndian.PutUint32(frame[8:], uint32(len(frame)-frameHead))
	binary.LittleEndian.PutUint32(frame[12:], frameSum(frame))
}

func frameSum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[8:12], castagnoli), castagnoli, frame[frameHead:])
}

// cutFrame returns the whole frame that data begins with.
func cutFrame(data, salt []byte) (frame []byte, ok bool) {
	if len(data) < frameHead || !bytes.Equal(data[:8], salt) {
		return nil, false
	}
	size := uint64(binary.LittleEndian.Uint32(data[8:]))
	if size > uint64(len(data)-frameHead) {
		return nil, false
	}
	frame = data[:frameHead+size]
	return frame, frameSum(frame) == binary.LittleEndian.Uint32(frame[12:])
}

// readFile reads a journal's file. end is where writing was cut off, or the length of data.
func readFile(data []byte) (c *contents, end int, err error) {
	if len(data) < headerSize || string(data[:7]) != fileMagic {
		return nil, 0, fmt.Errorf("%w: no header", errDamaged)
	}
	if version := data[7]; version != fileVersion {
		return nil, 0, fmt.Errorf("the journal has format %d, this program knows %d: it was written by another version of the program",
			version, fileVersion)
	}
	salt, base := data[8:16], binary.LittleEndian.Uint64(data[16:])
	if crc32.Checksum(data[:24], castagnoli) != binary.LittleEndian.Uint32(data[24:]) || base > uint64(len(data)) {
		return nil, 0, fmt.Errorf("%w: its beginning is not whole", errDamaged)
	}
	c = &contents{rooms: map[uint64]*kept{}}
	for end = headerSize; end < len(data); {
		frame, ok := cutFrame(data[end:], salt)
		if !ok {
			if uint64(end) < base || frameIn(data[end+1:], salt) {
				return nil, 0, fmt.Errorf("%w: byte %d of %d", errDamaged, end, len(data))
			}
			break
		}
		if err := c.apply(frame[frameHead:]); err != nil {
			return nil, 0, fmt.Errorf("%w: byte %d of %d: %w", errDamaged, end, len(data), err)
		}
		end += len(frame)
	}
	return c, end, nil
}

// frameIn reports whether a whole frame is anywhere in data.
func frameIn(data, salt []byte) bool {
	for {
		i := bytes.Index(data, salt)
		if i < 0 {
			return false
		}
		if _, ok := cutFrame(data[i:], salt); ok {
			return true
		}
		data = data[i+1:]
	}
}

func fileName(generation uint64) string { return fmt.Sprintf("%016x%s", generation, fileSuffix) }

// generations lists the generations in a folder, lowest first.
func generations(folder string) (all []uint64, err error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		var g uint64
		if n, err := fmt.Sscanf(e.Name(), "%x"+fileSuffix, &g); n == 1 && err == nil && e.Name() == fileName(g) {
			all = append(all, g)
		}
	}
	slices.Sort(all)
	return all, nil
}

// load reads what a folder holds; an empty one holds nothing.
func load(folder string, log *slog.Logger) (c *contents, generation uint64, err error) {
	all, err := generations(folder)
	if err != nil {
		return nil, 0, err
	}
	if len(all) == 0 {
		return &contents{rooms: map[uint64]*kept{}}, 0, nil
	}
	generation = all[len(all)-1]
	name := filepath.Join(folder, fileName(generation))
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, 0, err
	}
	c, end, err := readFile(data)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", name, err)
	}
	if end < len(data) {
		log.Warn("the journal's end was not whole and is cut off: what was being written when the process or the machine stopped",
			"file", name, "bytes", len(data)-end, "kept", end)
	}
	return c, generation, nil
}

// tidy removes the files that the given generation has replaced, and those that never became whole.
func tidy(folder string, generation uint64) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	current := fileName(generation)
	for _, e := range entries {
		name := e.Name()
		old := strings.HasSuffix(name, fileSuffix) && name < current
		if old || strings.HasSuffix(name, fileSuffix+tempSuffix) {
			if err := os.Remove(filepath.Join(folder, name)); err != nil {
				return err
			}
		}
	}
	return nil
}

// rewrite writes a new generation that begins with rooms, and makes it the one to append to. On an error the file that
// was there before is as it was.
func (j *journal) rewrite(rooms []living) (err error) {
	j.generation++
	name := filepath.Join(j.folder, fileName(j.generation))
	temp := name + tempSuffix
	f, err := j.openFile(temp, os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			if f != nil {
				_ = f.Close()
			}
			_ = os.Remove(temp)
		}
	}()
	header := make([]byte, headerSize)
	copy(header, fileMagic)
	header[7] = fileVersion
	salt := header[8:16]
	_, _ = rand.Read(salt) // never fails
	if _, err := f.Write(header); err != nil {
		return err
	}
	size := int64(headerSize)
	frame := make([]byte, frameHead, frameHead+4096)
	flush := func() error {
		if len(frame) == frameHead {
			return nil
		}
		fillFrame(frame, salt)
		_, err := f.Write(frame)
		size += int64(len(frame))
		frame = frame[:frameHead]
		return err
	}
	for _, r := range rooms {
		frame = appendOpen(frame, r.number, r.name, r.bound)
		for _, m := range r.messages {
			frame = appendPut(frame, r.number, m)
			if len(frame) >= frameSize {
				if err := flush(); err != nil {
					return err
				}
			}
		}
		if len(frame) >= frameSize {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := flush(); err != nil {
		return err
	}
	binary.LittleEndian.PutUint64(header[16:], uint64(size))
	binary.LittleEndian.PutUint32(header[24:], crc32.Checksum(header[:24], castagnoli))
	if _, err := f.WriteAt(header, 0); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil { // Windows renames no open file
		return err
	}
	if err := os.Rename(temp, name); err != nil {
		return err
	}
	if err := syncFolder(j.folder); err != nil {
		return err
	}
	if f, err = j.openFile(name, os.O_APPEND); err != nil {
		return err
	}
	if j.file != nil {
		_ = j.file.Close() // replaced: nothing in it counts any more
	}
	j.file, j.size, j.salt = f, size, salt
	if err := tidy(j.folder, j.generation); err != nil {
		j.log.Warn("old files of the journal are left; they will be removed later", "error", err)
	}
	return nil
}

// append writes one frame and returns when it is on disk.
func (j *journal) append(frame []byte) error {
	fillFrame(frame, j.salt)
	if _, err := j.file.Write(frame); err != nil {
		return err
	}
	if err := j.file.Sync(); err != nil {
		return err
	}
	j.size += int64(len(frame))
	return nil
}
