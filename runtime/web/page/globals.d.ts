/// <reference types="vite/client" />

declare const __PACKAGE__: string; // the folder of the package beside the page
declare const __LINKS__: Readonly<Record<string, string | null>>; // addresses by their names
