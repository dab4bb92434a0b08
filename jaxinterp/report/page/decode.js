// What does the page hold? Arrays with shapes, unpacked from the payload: gzip of a header and of the arrays' bytes.

const KINDS = {
  float32: Float32Array, uint8: Uint8Array, int8: Int8Array, uint16: Uint16Array, int16: Int16Array, uint32: Uint32Array,
  int32: Int32Array,
};

// {meta, arrays: name → {shape, data}} of the payload's base64 text.
async function decode(text) {
  const binary = atob(text.trim());
  const packed = new Uint8Array(binary.length);
  for (let place = 0; place < binary.length; place++) packed[place] = binary.charCodeAt(place);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  const start = Math.ceil((4 + length) / 8) * 8;
  const arrays = {};
  for (const [name, { dtype, shape, offset }] of Object.entries(header.arrays)) {
    const size = shape.reduce((product, side) => product * side, 1);
    arrays[name] = { shape, data: new KINDS[dtype](buffer, start + offset, size) };
  }
  return { meta: header.meta, arrays };
}

// The part of an array at its leading indices: a typed array, or a number where every index is given.
function part({ shape, data }, ...places) {
  const size = shape.slice(places.length).reduce((product, side) => product * side, 1);
  const start = places.reduce((sum, place, axis) => sum * shape[axis] + place, 0) * size;
  return places.length === shape.length ? data[start] : data.subarray(start, start + size);
}
