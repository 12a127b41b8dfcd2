/** Numbers distinct values in the order in which they are first added. */
export class Table {
  readonly #index = new Map<string, number>();

  add(value: string): number {
    const known = this.#index.get(value);
    if (known !== undefined) return known;
    this.#index.set(value, this.#index.size);
    return this.#index.size - 1;
  }

  get list(): string[] {
    return [...this.#index.keys()];
  }
}
