// On a phone the navigation scrolls sideways: the page that is shown stands within sight.

const nav = document.querySelector(".pages")
const current = nav?.querySelector("[aria-current]")
if (current && nav.scrollWidth > nav.clientWidth) nav.scrollLeft = current.offsetLeft - (nav.clientWidth - current.offsetWidth) / 2
