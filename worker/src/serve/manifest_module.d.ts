// The manifest module, which kv-sync adds to each version that it deploys.
declare module "*/kv-sync-manifest.bin" {
  const manifest: ArrayBuffer;
  export default manifest;
}
