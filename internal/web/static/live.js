// Keeps the overview up to date while somebody looks at it and is not in the
// middle of something. Without it the page is the same, and stands still.
"use strict";
setInterval(async () => {
	const live = document.getElementById("live");
	const busy = live.contains(document.activeElement) || !getSelection().isCollapsed;
	if (document.hidden || busy) {
		return;
	}
	try {
		const response = await fetch(location.href, {headers: {Accept: "text/html"}});
		const page = new DOMParser().parseFromString(await response.text(), "text/html");
		const next = page.getElementById("live");
		if (response.ok && next) {
			live.replaceWith(next);
			document.querySelector("footer").replaceWith(page.querySelector("footer"));
		}
	} catch {
		// The service is away; the page says when it was read.
	}
}, 5000);
