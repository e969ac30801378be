"""What a page is asked about itself, in the one language it answers: scripts for ``page.evaluate``."""

OPEN_ALL = "document.querySelectorAll('details').forEach(d => d.open = true)"

TOO_WIDE = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

# Boxes whose text leaves them. A head that a narrow page only reads aloud is clipped to one pixel, a wrapper that
# scrolls may be wider inside.
CUT_OFF = """() => {
    const apart = new Set(document.querySelectorAll(".scroll *, svg *"));
    for (const head of document.querySelectorAll("thead, caption, .hidden"))
        if (getComputedStyle(head).clipPath !== "none")
            [head, ...head.querySelectorAll("*")].forEach(e => apart.add(e));
    return [...document.querySelectorAll("main *, .strip, .strip *")].filter(e => {
        if (apart.has(e) || e.matches(".scroll, svg") || !e.checkVisibility()) return false;
        const style = getComputedStyle(e);
        if (style.position === "absolute" || style.display === "inline") return false;
        return e.scrollWidth > e.clientWidth + 1 && e.clientWidth > 0;
    }).map(e => `${e.tagName}.${e.className}: ${e.scrollWidth} > ${e.clientWidth}`).slice(0, 5);
}"""

# Boxes that reach beyond the right side of what is printed, whatever scrolls on a screen.
OFF_THE_SHEET = """() => [...document.querySelectorAll("main *")].filter(e =>
    e.checkVisibility() && !e.closest("svg") && getComputedStyle(e).clipPath === "none"
    && e.getBoundingClientRect().right > document.documentElement.clientWidth + 1
).map(e => `${e.tagName}.${e.className}: ${Math.round(e.getBoundingClientRect().right)}`).slice(0, 5)"""

# Every letter against what is behind it, every shape of a drawing against the page: by the WCAG formula, 4.5 and 3.
# Of a shape the better of its fill and its stroke counts. Not asked of: grid and row lines, which decorate; the band,
# whose edges are asked; surfaces of a distribution, whose numbers stand in a table; what is drawn in the page's own
# colour to keep two shapes apart.
FAINT = """() => {
    const DECORATION = ".grid, .stem, .leader, .band, .track, .most, .half, .under, symbol *, .icon *";
    const parts = colour => (colour.match(/[\\d.]+/g) ?? []).map(Number);
    const luminance = rgb => {
        const [r, g, b] = rgb.map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
    };
    const ratio = (a, b) => {
        const [high, low] = [luminance(a), luminance(b)].sort((x, y) => y - x);
        return (high + .05) / (low + .05);
    };
    const seen = (colour, opacity, back) => {
        const [r, g, b, alpha = 1] = parts(colour);
        return [r, g, b].map((v, i) => alpha * opacity * v + (1 - alpha * opacity) * back[i]);
    };
    const behind = e => {
        for (let at = e; at; at = at.parentElement) {
            const [r, g, b, alpha = 1] = parts(getComputedStyle(at).backgroundColor);
            if (alpha === 1) return [r, g, b];
        }
        return [255, 255, 255];
    };
    const found = new Set();
    for (const e of document.querySelectorAll("body *")) {
        if (!e.checkVisibility() || e.matches(DECORATION)) continue;
        const svg = e.closest("svg"), style = getComputedStyle(e);
        const back = behind(svg ? svg.parentElement : e);
        const has_text = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        let best, least;
        if (svg && e.matches("path, circle, rect, line, text")) {
            const paints = [[style.fill, +style.fillOpacity], [style.stroke, +style.strokeOpacity]];
            const drawn = paints.filter(([paint]) => paint.startsWith("rgb"));
            if (!drawn.length) continue;
            best = Math.max(...drawn.map(([paint, opacity]) => ratio(seen(paint, opacity, back), back)));
            least = e.matches("text") ? 4.5 : 3;
        } else if (!svg && has_text) {
            best = ratio(seen(style.color, 1, back), back);
            least = 4.5;
        } else continue;
        if (best < least) found.add(`${e.tagName}.${e.className.baseVal ?? e.className}: ${best.toFixed(2)}`);
    }
    return [...found];
}"""

# What Tab should visit, in this order.
FOCUSABLE = """() => [...document.querySelectorAll("a[href], summary, input, [tabindex='0']")]
    .filter(e => e.checkVisibility()).map(e => e.outerHTML.slice(0, 120))"""

FOCUSED = "document.activeElement.outerHTML.slice(0, 120)"

# Rows of the forest as a reader sees them; shapes where they are in the drawing.
FOREST_ROWS = """() => [...document.querySelectorAll(".forest tbody tr:has(.gl)")].map(row => {
    const paths = kind => [...row.querySelectorAll("svg.gl path." + kind)].map(p => p.getAttribute("d")).join("");
    return {
        group: row.parentElement.querySelector(".group").innerText,
        acronym: row.querySelector(".acr").innerText,
        band: paths("band"), edge: paths("edge"), deciding: paths("deciding"),
        word: row.querySelector(".chip").innerText.trim(),
        value: row.querySelector(".val").childNodes[0].data.trim(),
        interval: row.querySelector(".val .ci")?.innerText ?? "",
    };
})"""

# Under forced colours: shapes that are painted in a colour that the reader did not choose.
UNFORCED = """() => {
    const probe = document.body.appendChild(document.createElement("i"));
    const chosen = new Set(["Canvas", "CanvasText", "LinkText", "GrayText", "ButtonText"].map(name => {
        probe.style.color = name;
        return getComputedStyle(probe).color;
    }));
    probe.remove();
    const found = new Set();
    for (const e of document.querySelectorAll("svg path, svg circle, svg rect, svg line, svg text")) {
        if (!e.checkVisibility() || e.closest("symbol")) continue;
        const style = getComputedStyle(e);
        for (const paint of [style.fill, style.stroke])
            if (paint.startsWith("rgb") && !chosen.has(paint))
                found.add(`${e.tagName}.${e.className.baseVal}: ${paint}`);
    }
    return [...found];
}"""
