// A text file of the library, which the bundler includes as a string.
declare module "*.txt" {
  const text: string;
  export default text;
}
