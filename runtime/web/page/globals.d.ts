/// <reference types="vite/client" />

declare const __PACKAGE__: string; // the folder of the package beside the page
