"""Two channels as one and what tells them apart: joint stereo, of models that have tokens.

A pair of channels is turned, in each band and from moment to moment, so that one of the two it
becomes has all that they share: the *main* channel. The *side* is what is left. The model codes the
main channel; of the side, files say in each band how loud it is in relation to the main one, and
decoders make another of that loudness out of the main one. Where there are bits enough, the lower
frequencies of the side are coded as well.

- `layout`: bands, values and tables of ``docs/format.md``, sections 6.3 and 9.2;
- `parameters`: values to bits and back;
- `choice`: what the values are, of what is measured, in few bits;
- `downmix`: samples of pairs to main and side channels, and their values;
- `upmix`: the way back;
- `rates`: how many bits the main channel has, and the side.

The encoder for pages has `choice`, `downmix` and `rates` once more, number for number
(``web/src/codec/stereo-*.js``, ``downmixer.js``): change both. Tests compare the files.
"""
