/// Look and behaviour of the report. Both are written without `<` and `&`, so that the page stays well-formed.
enum HTMLStyle {
    static let sheet = HTML.verbatim(
        """

        :root {
          color-scheme: light dark;
          --bg: #f4f6f5; --surface: #fff; --sunken: #ebefed; --ink: #14211f; --muted: #566663; --line: #dbe2df;
          --good: #1c7a45; --good-soft: #e0f2e6; --warning: #8a5200; --warning-soft: #fdf0d8;
          --bad: #b3261e; --bad-soft: #fce8e6;
          --look0: #0a6c66; --look1: #c2410c; --look2: #1d5fb8; --look3: #7a3fb0; --look4: #8b9a97; --look5: #9a7300;
          --tier0: #bfe3cb; --tier1: #f7e3a1; --tier2: #f6bf7b; --tier3: #ef9a92; --tier4: #c9cfe8; --tier-ink: #14211f;
        }
        @media (prefers-color-scheme: dark) {
          :root {
            --bg: #0e1514; --surface: #161f1d; --sunken: #1d2826; --ink: #e4ecea; --muted: #97a8a4; --line: #2b3936;
            --good: #6fd39a; --good-soft: #13301f; --warning: #f0bd6a; --warning-soft: #33270f;
            --bad: #ff9b92; --bad-soft: #3a1b18;
            --look0: #58c7b8; --look1: #f59a62; --look2: #7fb4ff; --look3: #c79bf2; --look4: #6b7d79; --look5: #e0c15a;
            --tier0: #2f6b47; --tier1: #77651b; --tier2: #8a551b; --tier3: #8f3a33; --tier4: #46507c; --tier-ink: #fff;
          }
        }
        @media print {
          :root {
            color-scheme: light;
            --bg: #fff; --surface: #fff; --sunken: #eee; --ink: #000; --muted: #444; --line: #ccc;
            --good: #1c7a45; --good-soft: #fff; --warning: #8a5200; --warning-soft: #fff; --bad: #b3261e;
            --bad-soft: #fff; --tier-ink: #000;
            --look0: #0a6c66; --look1: #c2410c; --look2: #1d5fb8; --look3: #7a3fb0; --look4: #8b9a97; --look5: #9a7300;
            --tier0: #bfe3cb; --tier1: #f7e3a1; --tier2: #f6bf7b; --tier3: #ef9a92; --tier4: #c9cfe8;
          }
          body { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
          body > * { max-width: none; padding-left: 0; padding-right: 0; }
          .card, .verdict, .tiles { break-inside: avoid; box-shadow: none; }
          details, output { display: none; }
        }
        *, *::before, *::after { box-sizing: border-box; }
        body {
          margin: 0; background: var(--bg); color: var(--ink); overflow-wrap: anywhere;
          font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", sans-serif;
        }
        body > * { max-width: 68rem; margin: 0 auto; padding: 0 1.5rem; }
        header { padding-top: 2.5rem; }
        footer { padding-top: 1rem; padding-bottom: 3rem; font-size: 0.875rem; }
        h1, h2, p, dl, dd, figure { margin: 0; }
        h1 { font-size: 1.75rem; line-height: 1.2; letter-spacing: -0.02em; }
        h2 { font-size: 1.125rem; line-height: 1.3; letter-spacing: -0.01em; }
        .muted, .note { color: var(--muted); }
        main { display: grid; grid-template-columns: minmax(0, 1fr); gap: 1rem; margin-top: 1.25rem; }
        .card {
          background: var(--surface); border: 1px solid var(--line); border-radius: 12px; padding: 1.25rem;
          box-shadow: 0 1px 2px rgb(20 33 31 / 6%);
        }
        .pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); gap: 1rem; }
        .pair > * { min-width: 0; }
        .left-out p { color: var(--muted); margin-top: 0.25rem; }
        .verdict {
          display: flex; gap: 1rem; align-items: center; padding: 1.1rem 1.25rem; border-radius: 12px;
          border: 1px solid; background: var(--soft); color: var(--strong);
        }
        .verdict p { color: var(--ink); }
        .verdict.good { --strong: var(--good); --soft: var(--good-soft); }
        .verdict.warning { --strong: var(--warning); --soft: var(--warning-soft); }
        .verdict.bad { --strong: var(--bad); --soft: var(--bad-soft); }
        .sign {
          flex: none; width: 2.5rem; height: 2.5rem; border-radius: 50%; display: grid; place-items: center;
          font-size: 1.25rem; font-weight: 700; background: var(--strong); color: var(--bg);
        }
        .tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; }
        .tiles div { background: var(--surface); border: 1px solid var(--line); border-radius: 12px; padding: 0.8rem 1rem; }
        .tiles dt { color: var(--muted); font-size: 0.875rem; }
        .tiles dd { font-size: 1.375rem; font-weight: 620; letter-spacing: -0.01em; font-variant-numeric: tabular-nums; }
        figcaption { display: flex; flex-wrap: wrap; justify-content: space-between; gap: 0.25rem 1.5rem; font-size: 0.875rem; }
        .legend { display: flex; flex-wrap: wrap; gap: 0.25rem 1.25rem; list-style: none; margin: 0; padding: 0; }
        .legend li { display: inline-flex; align-items: center; gap: 0.45rem; }
        .look0 { --color: var(--look0); } .look1 { --color: var(--look1); } .look2 { --color: var(--look2); }
        .look3 { --color: var(--look3); } .look4 { --color: var(--look4); } .look5 { --color: var(--look5); }
        .tier0 { --color: var(--tier0); } .tier1 { --color: var(--tier1); } .tier2 { --color: var(--tier2); }
        .tier3 { --color: var(--tier3); } .tier4 { --color: var(--tier4); }
        .drawing { overflow-x: auto; margin-top: 0.5rem; }
        svg { display: block; width: 100%; min-width: 40rem; height: auto; font-size: 12px; fill: var(--ink); }
        svg.key { width: 30px; min-width: 0; height: 12px; flex: none; }
        .area { fill: none; stroke: var(--line); }
        .grid { stroke: var(--line); stroke-width: 1; }
        .edge { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 2 3; opacity: 0.6; }
        .band.even { fill: none; } .band.odd { fill: var(--ink); opacity: 0.045; }
        .tick, .band-label { fill: var(--muted); font-variant-numeric: tabular-nums; }
        .strip-title { font-weight: 600; }
        .line { fill: none; stroke: var(--color); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
        .line.look1 { stroke-dasharray: 7 4; } .line.look2 { stroke-dasharray: 2 4; } .line.look4 { stroke-dasharray: 9 3 2 3; }
        .line.look5 { stroke-dasharray: 12 4; }
        .bar, .patch, .tier { fill: var(--color); }
        .tier-label { fill: var(--tier-ink); }
        .read-out { fill: transparent; }
        .read-out:hover { fill: var(--ink); opacity: 0.12; }
        output { display: block; min-height: 1.5em; font-size: 0.875rem; font-variant-numeric: tabular-nums; }
        details { margin-top: 0.25rem; font-size: 0.875rem; }
        summary { color: var(--muted); cursor: pointer; }
        .table { overflow-x: auto; margin-top: 0.5rem; max-height: 30rem; }
        table { border-collapse: collapse; width: 100%; font-size: 0.875rem; }
        caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
        .words caption { position: static; width: auto; height: auto; clip-path: none; text-align: left; color: var(--muted); }
        th, td { padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
        th { font-weight: 500; } thead th { color: var(--muted); }
        tr > :first-child, .words th, .words td { text-align: left; }
        td { font-variant-numeric: tabular-nums; }
        thead th, td, .words th { white-space: nowrap; }
        tbody th { min-width: 7rem; }
        .words td { white-space: normal; }
        .words td { font-family: ui-monospace, "DejaVu Sans Mono", monospace; font-size: 0.8125rem; }
        @media print { .table { max-height: none; } table { font-size: 8pt; } svg { min-width: 0; } }

        """)

    /// Shows what the pointer is on in a line under the drawing; the same text is in the elements' titles.
    static let script = HTML.verbatim(
        """

        for (const figure of document.querySelectorAll("figure")) {
          const output = figure.querySelector("output");
          figure.addEventListener("pointerover", (event) => {
            const title = event.target.classList.contains("read-out") ? event.target.querySelector("title") : null;
            output.textContent = title ? title.textContent : "";
          });
        }

        """)
}
