// The form works without this; with it, one can look at what one typed, and the button tells that it was heard.

import "../reveal.js"
