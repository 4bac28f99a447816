package web

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	taktv1 "github.com/takt-mes/takt/api/takt/v1"
	"github.com/takt-mes/takt/internal/mes"
)

//go:embed templates
var templateFiles embed.FS

// parseViews returns the template of each view, within the frame of all.
func parseViews(zone *time.Location) map[string]*template.Template {
	sh := shower{zone}
	frame := template.Must(template.New("frame.html").Funcs(template.FuncMap{
		"asset": asset, "certainty": certainty, "count": count, "describe": describe,
		"gaps": gaps, "id": id, "interval": interval, "percent": percent, "quantity": quantity, "sentence": sentence, "text": mes.Printable, "thing": thing,
		"time": sh.time, "timeOf": sh.timeOf, "marks": marks, "word": word, "below": path,
		"happened": happened, "identity": identity, "link": tab, "subjects": subjects,
		"minus": func(a, b uint64) uint64 { return a - b }, "plus": func(a, b uint64) uint64 { return a + b },
	}).ParseFS(templateFiles, "templates/frame.html", "templates/part.html"))
	views := make(map[string]*template.Template)
	entries, err := templateFiles.ReadDir("templates")
	if err != nil {
		panic(err) // they are embedded
	}
	for _, e := range entries {
		name := strings.TrimSuffix(e.Name(), ".html")
		if name != "frame" && name != "part" {
			views[name] = template.Must(template.Must(frame.Clone()).ParseFS(templateFiles, "templates/"+e.Name()))
		}
	}
	return views
}

// asset returns the link of a static file, which changes with its content.
func asset(name string) (string, error) {
	b, err := staticFiles.ReadFile("static/" + name)
	sum := sha256.Sum256(b)
	return "/static/" + name + "?v=" + hex.EncodeToString(sum[:4]), err
}

// span is a piece of text that may lead somewhere.
type span struct {
	Text, Link string
	// Class says how it looks: `good`, `bad`, `warn`, `note`, `ref` or nothing.
	Class string
}

// id shows exact bytes: percent-escaped, as they stand in resource names.
func id(b []byte) string { return mes.Escape(string(b)) }

// path returns where a thing's page is, and what is below it.
func path(t mes.Thing, below string) string {
	collection := t.Kind.String() + "s"
	switch {
	case t.Kind != mes.RefItem && t.Kind != mes.RefLot:
		return "/events?thing=" + url.QueryEscape(t.String())
	case t.ID == "." || t.ID == "..":
		// Browsers make these, escaped or not, into steps up the path.
		return strings.TrimSuffix("/"+collection+"?"+url.Values{"id": {string(t.ID)}, "way": {below}}.Encode(), "&way=")
	case below != "":
		return "/" + t.String() + "/" + below
	}
	return "/" + t.String()
}

// thing shows a resource name and leads to its page. Items and lots go by their
// id alone.
func thing(name string) span {
	t, err := mes.ParseThing(name)
	switch {
	case err != nil:
		return span{Text: mes.Printable(name)}
	case t.Kind == mes.RefItem || t.Kind == mes.RefLot:
		return span{t.ID.String(), path(t, ""), refClass(t.ID)}
	}
	return span{t.Kind.String() + " " + t.ID.String(), path(t, ""), refClass(t.ID)}
}

// refClass keeps an id on one line, unless it is beyond what ids usually are.
func refClass(id mes.ID) string {
	const usual = 40
	if len(id.String()) > usual {
		return "ref long"
	}
	return "ref"
}

func ref(r *taktv1.Ref) span {
	if len(r.GetId()) == 0 {
		return span{}
	}
	return thing(mes.Thing{Kind: mes.RefKind(r.GetKind()), ID: mes.ID(r.GetId())}.String()) //nolint:gosec // validated, or shown as a number
}

// shower shows what depends on the site.
type shower struct{ zone *time.Location }

// moment is a time as people and programs read it. Offset, from UTC, is there
// around the hour that clocks repeat or leave out; else the zone says enough.
type moment struct{ Text, Offset, Machine string }

func (sh shower) timeOf(t time.Time) *moment {
	if t.IsZero() {
		return nil
	}
	local := t.In(sh.zone)
	form := time.DateTime
	if local.Nanosecond() != 0 {
		form += ".000"
	}
	m := &moment{Text: local.Format(form), Machine: local.Format("2006-01-02T15:04:05.999-07:00")}
	const around = 2 * time.Hour
	_, before := local.Add(-around).Zone()
	if _, after := local.Add(around).Zone(); before != after {
		m.Offset = local.Format("-07:00")
	}
	return m
}

func (sh shower) time(t *timestamppb.Timestamp) *moment {
	if t == nil {
		return nil
	}
	return sh.timeOf(t.AsTime())
}

// word returns the name of an enumeration's value as people read it: `scrap`
// for DISPOSITION_SCRAP, and nothing for what was not said.
func word(e protoreflect.Enum) string {
	return enumWord(e.Descriptor(), e.Number())
}

func enumWord(e protoreflect.EnumDescriptor, n protoreflect.EnumNumber) string {
	v := e.Values().ByNumber(n)
	switch {
	case n == 0:
		return ""
	case v == nil:
		return strconv.Itoa(int(n))
	}
	unspecified := string(e.Values().ByNumber(0).Name())
	name := strings.TrimPrefix(string(v.Name()), strings.TrimSuffix(unspecified, "UNSPECIFIED"))
	return strings.ToLower(strings.ReplaceAll(name, "_", " "))
}

// sentence shows an error's message, which has neither a capital nor a full
// stop.
func sentence(s string) string {
	r, n := utf8.DecodeRuneInString(s)
	return mes.Printable(string(unicode.ToUpper(r))+s[n:]) + "."
}

// count shows a count of any type with its thousands apart.
func count(n any) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 2, 64) + " %" }

// number shows a measured value in the fewest digits that mean it to the bit.
func number(v float64) string {
	if a := math.Abs(v); v == 0 || a >= 1e-6 && a < 1e15 {
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

func decimal(d *taktv1.Decimal) string {
	return mes.Decimal{Coefficient: d.GetCoefficient(), Exponent: max(-18, min(18, d.GetExponent()))}.String()
}

func quantity(q *taktv1.Quantity) string {
	if q == nil {
		return ""
	}
	if u := unit(q.GetUnit()); u != "" {
		return decimal(q.GetValue()) + "\u00a0" + u
	}
	return decimal(q.GetValue())
}

// unit shows a unit of measure; that of pieces goes without.
func unit(u string) string {
	if u == "1" {
		return ""
	}
	return mes.Printable(u)
}

// metres shows a length without the zeros behind the millimetres.
func metres(m int64) string {
	s := mes.Micrometres(m).String()
	return strings.TrimSuffix(s, "000")
}

func interval(i *taktv1.Interval) string {
	if i == nil {
		return ""
	}
	s := metres(i.GetFromMicrometres()) + " – " + metres(i.GetToMicrometres()) + "\u00a0m"
	if d := i.GetDeltaMicrometres(); d != 0 {
		s += " ±\u00a0" + strings.TrimRight(strings.TrimRight(mes.Micrometres(d).String(), "0"), ".")
	}
	if i.GetLane() != 0 {
		s = fmt.Sprintf("lane %d, %s", i.GetLane(), s)
	}
	return s
}

// certainty says how sure an edge is: nothing, `1 of 2`, `unknown`.
func certainty(e *taktv1.GenealogyEdge) []span {
	var spans []span
	switch {
	case e.GetCertainty() == taktv1.Certainty_CERTAINTY_POSSIBLE && e.GetAlternatives() > 0:
		spans = append(spans, span{Text: fmt.Sprintf("1 of %d", e.GetAlternatives()), Class: "warn"})
	case e.GetCertainty() == taktv1.Certainty_CERTAINTY_POSSIBLE, e.GetCertainty() == taktv1.Certainty_CERTAINTY_UNKNOWN:
		spans = append(spans, span{Text: word(e.GetCertainty()), Class: "warn"})
	default:
		spans = append(spans, span{Text: word(e.GetCertainty()), Class: "quiet"})
	}
	if e.GetRemoved() {
		spans = append(spans, span{Text: "taken out again", Class: "note"})
	}
	return spans
}

// gapsShown is how many stretches of missing numbers a row has room for.
const gapsShown = 5

// gaps shows missing numbers as `17, 20–25`.
func gaps(e *taktv1.Source_Epoch) string {
	var list []string
	for i, g := range e.GetGaps() {
		if i == gapsShown {
			list = append(list, fmt.Sprintf("and %d more stretches", len(e.GetGaps())-i))
			break
		}
		s := strconv.FormatUint(g.GetFirst(), 10)
		if g.GetLast() != g.GetFirst() {
			s += "–" + strconv.FormatUint(g.GetLast(), 10)
		}
		list = append(list, s)
	}
	return strings.Join(list, ", ")
}

// historyGateway is the gateway that the demo's made-up days come from.
const historyGateway = "history"

// marks says what is to be known of an event before it is relied on.
func marks(e *taktv1.LoggedEvent) []span {
	var spans []span
	if string(e.GetProvenance().GetGateway()) == historyGateway {
		spans = append(spans, span{Text: "history", Class: "note"})
	}
	if mode := word(e.GetEvent().GetMode()); mode != "" {
		spans = append(spans, span{Text: mode, Class: "warn"})
	}
	if p := e.GetWithdrawnBy(); p != 0 {
		spans = append(spans, span{Text: fmt.Sprintf("withdrawn by %d", p), Link: fmt.Sprintf("/events/%d", p), Class: "bad"})
	}
	return spans
}

// tab is a link of the frame, which knows whether it leads to where we are.
func tab(link, text, path string) span {
	sp := span{Text: text, Link: link}
	if path == link || link != "/" && strings.HasPrefix(path, link+"/") {
		sp.Class = "here"
	}
	return sp
}

// subjectsShown is how many subjects a row has room for.
const subjectsShown = 3

// subjects returns what work was on, or else what it produced.
func subjects(e *taktv1.Event) []span {
	var spans []span
	for _, r := range e.GetWork().GetSubjects() {
		spans = append(spans, ref(r))
	}
	for _, p := range e.GetWork().GetProduced() {
		if len(e.GetWork().GetSubjects()) == 0 && p.GetRef() != nil {
			spans = append(spans, ref(p.GetRef()))
		}
	}
	if more := len(spans) - subjectsShown; more > 1 {
		spans = append(spans[:subjectsShown], span{Text: fmt.Sprintf("and %d more", more)})
	}
	return spans
}

// first returns the first n of a list, or all.
func first[T any](n int, list []T) []T { return list[:min(n, len(list))] }
