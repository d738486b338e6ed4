package lobby

import "testing"

func TestNamesThatLookAlike(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{"paypal", "раураl"}, // Cyrillic р, а, у
		{"Mina", "Mına"},     // dotless ı
		{"Iris", "lris"},     // I and l
		{"Bill", "Bi11"},     // l and 1
		{"Oscar", "0scar"},   // O and 0
		{"morn", "mom"},      // rn and m
		{"ΟΡΑ", "OPA"},       // Greek capitals
		{"Mina", "Ｍｉｎａ"},     // full width
		{"file", "ﬁle"},      // a ligature
		{"Zoë", "Zoe\u0308"}, // composed and not
		{"scope", "ѕсоре"},   // Cyrillic throughout
		{"ААА", "AAA"},       // Cyrillic capitals throughout
		{"ѡ", "w"},           // omega
		{"Otter 10", "Otter lO"},
	} {
		if a, b := look(pair[0]), look(pair[1]); a != b {
			t.Errorf("%q and %q: got %q and %q, want the same", pair[0], pair[1], a, b)
		}
	}
	for _, pair := range [][2]string{{"Mina", "Nina"}, {"Kai", "Kal"}, {"Zoë", "Zoe"}, {"민아", "미나"}, {"Иван", "Ivan"}, {"밤나무", "밤나모"}} {
		if a, b := look(pair[0]), look(pair[1]); a == b {
			t.Errorf("%q and %q: got %q for both", pair[0], pair[1], a)
		}
	}
}

// A look is a resting point: what looks like the look of a name looks like the name.
func TestLookOfALookIsTheLook(t *testing.T) {
	t.Parallel()
	seen := confusables()
	if len(seen) < 1500 {
		t.Errorf("got %d confusables", len(seen))
	}
	for r, as := range seen {
		if again := look(as); look(again) != again && look(look(again)) != look(again) {
			t.Errorf("U+%04X is seen as %q, which is seen as %q, %q", r, as, again, look(again))
		}
	}
}

func TestScriptsThatMayStandTogether(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]bool{
		"Mina": true, "Иван 2": true, "Ελένη": true, "밤나무 Mina": true, "田中 Tanaka": true, "たなかタロウ": true, "ㄅㄆ中A": true, "नमस्ते": true, "123": true,
		"Мina": false, "Minа": false, "αlpha": false, "Иванα": false, "たなかㄅ": false, "밤た": false, "שlom": false, "Éva": true,
	} {
		if got := oneScript(name); got != want {
			t.Errorf("%q: got %v, want %v", name, got, want)
		}
	}
	for _, name := range []string{"Admιn", "Аdmin", "adm1n", "Rооt", "0FFICIAL", "offIciaI", "ꜱystem", "ＭＡＤＡＮＧ", "rnadang"} {
		if got, err := cleanName(name); err == nil {
			t.Errorf("%q: got %q, want it refused", name, got)
		}
	}
}

func FuzzNames(f *testing.F) {
	for _, name := range []string{"Mina", "раураl", "밤나무", "Zoe\u0308", "a\u202eb"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		kept, err := cleanName(name)
		if err != nil {
			return
		}
		if again, err := cleanName(kept); err != nil || again != kept {
			t.Errorf("%q is kept as %q, and that as %q (%v)", name, kept, again, err)
		}
		if look(kept) == "" {
			t.Errorf("%q looks like nothing", kept)
		}
	})
}
