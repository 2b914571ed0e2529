// The worker in which nets run.

export {};
