// The answer that came when the session was over is sent again, once, now that there is a new one.
"use strict";

document.querySelector("[data-replay]").requestSubmit();
